#include "tests/house/source_file.h"

#include <utility>

#include "tests/house/words.h"

namespace vade::house {
namespace {

std::vector<Line> SplitLines(std::string_view text) {
  std::vector<Line> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string line(text.substr(0, end));
    const std::string blank(line.size(), ' ');
    lines.push_back({std::move(line), blank, blank});
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

// Sorts the characters of C++ and proto into code, comments and strings.
class CppSplitter {
 public:
  explicit CppSplitter(std::vector<Line>& lines) : lines_(lines) {}

  void Run() {
    for (Line& line : lines_) SplitLine(line);
  }

 private:
  enum class State { kCode, kBlockComment, kRawString };

  void SplitLine(Line& line) {
    size_t i = 0;
    while (i < line.text.size()) {
      switch (state_) {
        case State::kCode:
          i = Code(line, i);
          break;
        case State::kBlockComment:
          i = BlockComment(line, i);
          break;
        case State::kRawString:
          i = RawString(line, i);
          break;
      }
    }
  }

  size_t Code(Line& line, size_t i) {
    const std::string& text = line.text;
    if (text.compare(i, 2, "//") == 0) {
      line.comment.replace(i, std::string::npos, text, i);
      return text.size();
    }
    if (text.compare(i, 2, "/*") == 0) {
      state_ = State::kBlockComment;
      return i;
    }
    if (text.compare(i, 2, "R\"") == 0) {
      const size_t open = text.find('(', i);
      if (open != std::string::npos) {
        raw_end_ = ")" + text.substr(i + 2, open - i - 2) + "\"";
        state_ = State::kRawString;
        return open + 1;
      }
    }
    if (text[i] == '"' || (text[i] == '\'' && !IsDigitSeparator(text, i))) {
      return Quoted(line, i);
    }
    line.code[i] = text[i];
    return i + 1;
  }

  static bool IsDigitSeparator(const std::string& text, size_t i) {
    return i > 0 && isxdigit(static_cast<unsigned char>(text[i - 1])) != 0;
  }

  static size_t Quoted(Line& line, size_t i) {
    const char quote = line.text[i];
    line.code[i] = quote;
    for (++i; i < line.text.size(); ++i) {
      if (line.text[i] == '\\') {
        ++i;
      } else if (line.text[i] == quote) {
        line.code[i] = quote;
        return i + 1;
      }
    }
    return line.text.size();
  }

  size_t BlockComment(Line& line, size_t i) {
    const size_t end = line.text.find("*/", i);
    const size_t stop = end == std::string::npos ? line.text.size() : end + 2;
    line.comment.replace(i, stop - i, line.text, i, stop - i);
    if (end != std::string::npos) state_ = State::kCode;
    return stop;
  }

  size_t RawString(const Line& line, size_t i) {
    const size_t end = line.text.find(raw_end_, i);
    if (end == std::string::npos) return line.text.size();
    state_ = State::kCode;
    return end + raw_end_.size();
  }

  std::vector<Line>& lines_;
  State state_ = State::kCode;
  std::string raw_end_;
};

// Scripts: a comment begins with '#' at the start of a word. Quotes are left
// in the code, which no rule on scripts minds.
void SplitScript(std::vector<Line>& lines) {
  for (Line& line : lines) {
    size_t hash = line.text.find('#');
    while (hash != std::string::npos && hash > 0 &&
           line.text[hash - 1] != ' ') {
      hash = line.text.find('#', hash + 1);
    }
    const size_t code_size =
        hash == std::string::npos ? line.text.size() : hash;
    line.code.replace(0, code_size, line.text, 0, code_size);
    if (hash != std::string::npos) {
      line.comment.replace(hash, std::string::npos, line.text, hash);
    }
  }
}

}  // namespace

Language LanguageOf(std::string_view path, std::string_view text) {
  if (EndsWith(path, ".cc") || EndsWith(path, ".h")) return Language::kCpp;
  if (EndsWith(path, ".proto")) return Language::kProto;
  if (EndsWith(path, ".py")) return Language::kPython;
  if (EndsWith(path, ".sh")) return Language::kShell;
  if (EndsWith(path, ".cmake") || EndsWith(path, "CMakeLists.txt")) {
    return Language::kCMake;
  }
  const std::string_view first = text.substr(0, text.find('\n'));
  if (first.substr(0, 2) == "#!") {
    return first.find("python") != std::string_view::npos ? Language::kPython
                                                          : Language::kShell;
  }
  return Language::kOther;
}

SourceFile ParseSource(std::string path, std::string_view text) {
  SourceFile file;
  file.language = LanguageOf(path, text);
  file.path = std::move(path);
  file.lines = SplitLines(text);
  switch (file.language) {
    case Language::kCpp:
    case Language::kProto:
      CppSplitter(file.lines).Run();
      break;
    case Language::kPython:
    case Language::kShell:
    case Language::kCMake:
      SplitScript(file.lines);
      break;
    case Language::kOther:
      for (Line& line : file.lines) line.code = line.text;
      break;
  }
  return file;
}

}  // namespace vade::house
