// SourceFile: a file of the tree, read so that rules can look at code, at
// comments and at the text apart. Values; thread-compatible.
#ifndef VADE_TESTS_HOUSE_SOURCE_FILE_H_
#define VADE_TESTS_HOUSE_SOURCE_FILE_H_

#include <string>
#include <string_view>
#include <vector>

namespace vade::house {

enum class Language { kCpp, kProto, kPython, kShell, kCMake, kOther };

// By the file's name; scripts without an extension by their first line.
Language LanguageOf(std::string_view path, std::string_view text);

// One line. `code` and `comment` have the width of `text`: what is not theirs
// is blank, and so is what stands between quotes.
struct Line {
  std::string text;
  std::string code;
  std::string comment;
};

struct SourceFile {
  // From the root of the tree, with '/'.
  std::string path;
  Language language = Language::kOther;
  std::vector<Line> lines;
};

SourceFile ParseSource(std::string path, std::string_view text);

}  // namespace vade::house

#endif  // VADE_TESTS_HOUSE_SOURCE_FILE_H_
