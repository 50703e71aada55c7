#include "client/cli/help_formatter.h"

#include <sstream>

#include "absl/strings/str_cat.h"
#include "client/cli/table.h"

namespace vade::cli {
namespace {

constexpr int kWidth = 80;
constexpr int kNameColumn = 2;
constexpr int kTextColumn = 26;

std::string Entry(const std::string& name, const std::string& text) {
  std::string line = std::string(kNameColumn, ' ') + name;
  if (DisplayWidth(line) >= kTextColumn - 1) {
    line += "\n" + std::string(kTextColumn, ' ');
  } else {
    line += std::string(kTextColumn - DisplayWidth(line), ' ');
  }
  return absl::StrCat(line, WrapText(text, kWidth - kTextColumn, kTextColumn),
                      "\n");
}

}  // namespace

std::string WrapText(const std::string& text, int width, int indent) {
  std::istringstream words(text);
  std::string result;
  int used = 0;
  for (std::string word; words >> word;) {
    const int length = DisplayWidth(word);
    if (used > 0 && used + 1 + length > width) {
      result += "\n" + std::string(indent, ' ');
      used = 0;
    }
    if (used > 0) {
      result += " ";
      ++used;
    }
    result += word;
    used += length;
  }
  return result;
}

std::string HelpFormatter::make_option(const CLI::Option* option,
                                       bool is_positional) const {
  std::string text = option->get_description();
  if (!option->get_envname().empty()) {
    absl::StrAppend(&text, " [", option->get_envname(), "]");
  }
  if (option->get_required() && !is_positional) text += " (required)";
  return Entry(make_option_name(option, is_positional) +
                   (is_positional ? "" : make_option_opts(option)),
               text);
}

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  if (option->get_type_size() == 0) return "";
  std::string text = absl::StrCat(" ", option->get_type_name());
  if (!option->get_default_str().empty()) {
    absl::StrAppend(&text, "=", option->get_default_str());
  }
  return text;
}

std::string HelpFormatter::make_subcommand(const CLI::App* sub) const {
  return Entry(sub->get_name(), sub->get_description());
}

}  // namespace vade::cli
