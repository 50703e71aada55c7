// Rules on sizes: lines of a file, lines of a function.
#include <algorithm>
#include <string>
#include <string_view>

#include "tests/house/tidy.h"
#include "tests/house/words.h"

namespace vade::house {
namespace {

// Drops "template <...>" from the start.
std::string_view WithoutTemplate(std::string_view head) {
  head = Trim(head);
  if (!StartsWith(head, "template")) return head;
  int open = 0;
  for (size_t i = 0; i < head.size(); ++i) {
    if (head[i] == '<') ++open;
    if (head[i] == '>' && --open == 0) return Trim(head.substr(i + 1));
  }
  return head;
}

// Whether the brace after `head` opens a function's body, rather than a
// namespace, a type or a list of values.
bool OpensFunction(std::string_view head) {
  head = WithoutTemplate(head);
  for (const std::string_view word :
       {"namespace", "class", "struct", "enum", "union", "extern"}) {
    if (StartsWith(head, word)) return false;
  }
  return Contains(head, "(") && !EndsWith(head, "=");
}

// Follows the braces of a file and measures each outermost function.
class FunctionMeter {
 public:
  FunctionMeter(const SourceFile& file, std::vector<Finding>& findings)
      : file_(file), findings_(findings) {}

  void Run() {
    bool in_macro = false;
    for (line_ = 1; line_ <= file_.lines.size(); ++line_) {
      const std::string& code = file_.lines[line_ - 1].code;
      const std::string_view trimmed = Trim(code);
      const bool macro = in_macro || StartsWith(trimmed, "#");
      in_macro = macro && EndsWith(trimmed, "\\");
      if (macro) continue;
      for (const char c : code) Take(c);
      Take(' ');
    }
  }

 private:
  void Take(char c) {
    if (depth_in_function_ > 0) {
      InFunction(c);
      return;
    }
    // An initializer in braces, as in "A::A() : b_{1} {", ends no function.
    if (after_function_ && c != ' ') {
      after_function_ = false;
      if (c != ',' && c != '{') Reset();
    }
    if (c == '{' && OpensFunction(head_)) {
      depth_in_function_ = 1;
    } else if (c == '{' || c == '}' || c == ';') {
      Reset();
    } else if (c != ' ' || !head_.empty()) {
      if (head_.empty()) head_line_ = line_;
      head_.push_back(c);
    }
  }

  void InFunction(char c) {
    if (c == '{') ++depth_in_function_;
    if (c != '}' || --depth_in_function_ > 0) return;
    after_function_ = true;
    const size_t lines = line_ - head_line_ + 1;
    if (lines <= kMaxFunctionLines) return;
    findings_.push_back({file_.path, head_line_, "function-length",
                         std::to_string(lines) + " lines; at most " +
                             std::to_string(kMaxFunctionLines)});
  }

  void Reset() {
    head_.clear();
    after_function_ = false;
  }

  const SourceFile& file_;
  std::vector<Finding>& findings_;
  size_t line_ = 0;
  std::string head_;
  size_t head_line_ = 0;
  int depth_in_function_ = 0;
  bool after_function_ = false;
};

size_t IndentOf(std::string_view line) {
  return std::min(line.find_first_not_of(' '), line.size());
}

void CheckPythonFunctions(const SourceFile& file,
                          std::vector<Finding>& findings) {
  for (size_t i = 0; i < file.lines.size(); ++i) {
    const std::string_view head = Trim(file.lines[i].code);
    if (!StartsWith(head, "def ") && !StartsWith(head, "async def ")) continue;
    const size_t indent = IndentOf(file.lines[i].text);
    size_t last = i;
    for (size_t j = i + 1; j < file.lines.size(); ++j) {
      const std::string& text = file.lines[j].text;
      if (Trim(text).empty()) continue;
      // A parameter list may close at the indent of its "def".
      if (IndentOf(text) <= indent && text[IndentOf(text)] != ')') break;
      last = j;
    }
    if (last - i + 1 <= kMaxFunctionLines) continue;
    findings.push_back({file.path, i + 1, "function-length",
                        std::to_string(last - i + 1) + " lines; at most " +
                            std::to_string(kMaxFunctionLines)});
  }
}

}  // namespace

void CheckSizes(const SourceFile& file, std::vector<Finding>& findings) {
  if (file.language == Language::kOther) return;
  if (file.lines.size() > kMaxFileLines) {
    findings.push_back({file.path, 0, "file-length",
                        std::to_string(file.lines.size()) + " lines; at most " +
                            std::to_string(kMaxFileLines)});
  }
  if (file.language == Language::kCpp) FunctionMeter(file, findings).Run();
  if (file.language == Language::kPython) {
    CheckPythonFunctions(file, findings);
  }
}

}  // namespace vade::house
