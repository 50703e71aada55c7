#include "tests/house/words.h"

#include <cctype>

namespace vade::house {

bool StartsWith(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() &&
         text.substr(text.size() - end.size()) == end;
}

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

bool IsWordCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

std::vector<std::string_view> Identifiers(std::string_view code) {
  std::vector<std::string_view> found;
  size_t i = 0;
  while (i < code.size()) {
    size_t end = i;
    while (end < code.size() && IsWordCharacter(code[end])) ++end;
    if (end > i) found.push_back(code.substr(i, end - i));
    i = end + 1;
  }
  return found;
}

std::vector<std::string> WordsOf(std::string_view identifier) {
  std::vector<std::string> words;
  bool begin = true;
  bool after_lower = false;
  for (const char c : identifier) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) == 0) {
      begin = true;
      continue;
    }
    if (std::isupper(byte) != 0 && after_lower) begin = true;
    if (begin) words.emplace_back();
    begin = false;
    after_lower = std::isupper(byte) == 0;
    words.back().push_back(static_cast<char>(std::tolower(byte)));
  }
  return words;
}

std::string_view StemOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash != std::string_view::npos) path.remove_prefix(slash + 1);
  return path.substr(0, path.rfind('.'));
}

}  // namespace vade::house
