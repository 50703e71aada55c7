// Rules on the text: what may not stand in a tree, and what a comment is for.
#include <algorithm>
#include <string>
#include <string_view>

#include "tests/house/tidy.h"
#include "tests/house/words.h"

namespace vade::house {
namespace {

// Put together here, so that this file does not break its own rules.
const std::string& MarkerList() {
  static const std::string markers =
      std::string(" TO") + "DO FIX" + "ME X" + "XX HA" + "CK ";
  return markers;
}

bool IsMarker(std::string_view word) {
  return Contains(MarkerList(), " " + std::string(word) + " ");
}

// Folders that exist on one build machine only.
bool HasMachinePath(std::string_view text) {
  static const std::string folders[] = {
      std::string("/wo") + "rk/", std::string("/ro") + "ot/",
      std::string("/fa") + "rm/", std::string("/tmp/ba") + "sh_jobs"};
  for (const std::string& folder : folders) {
    const size_t at = text.find(folder);
    if (at == std::string_view::npos) continue;
    if (at == 0 || (!IsWordCharacter(text[at - 1]) && text[at - 1] != '.')) {
      return true;
    }
  }
  return false;
}

bool HasIssueNumber(std::string_view text) {
  static const std::string word = std::string("iss") + "ue #";
  return Contains(text, word);
}

// A line comment's words, without its slashes; empty if there is none.
std::string_view CommentText(const Line& line) {
  std::string_view text = Trim(line.comment);
  if (!StartsWith(text, "//")) return {};
  text.remove_prefix(2);
  return Trim(text);
}

// A call or an assignment with its semicolon, or an opened block: prose has
// neither, though it may end a phrase with "and then Call();".
bool LooksLikeCode(std::string_view comment) {
  if (comment.empty()) return false;
  if (comment == "}" || StartsWith(comment, "#include ")) return true;
  if (comment.back() == '{') return Contains(comment, "(");
  if (comment.back() != ';') return false;
  if (Contains(comment, " = ") || StartsWith(comment, "return ")) return true;
  const std::string_view before = comment.substr(0, comment.find('('));
  return EndsWith(comment, ");") && !before.empty() &&
         IsWordCharacter(before.back()) &&
         std::count(before.begin(), before.end(), ' ') <= 1;
}

// An example is announced by ':' or an empty line, in the same comment, and
// stands further in than prose.
void CheckCommentedCode(const SourceFile& file,
                        std::vector<Finding>& findings) {
  if (file.language != Language::kCpp && file.language != Language::kProto) {
    return;
  }
  bool announced = false;
  for (size_t i = 0; i < file.lines.size(); ++i) {
    const Line& line = file.lines[i];
    const std::string_view comment = Trim(line.comment);
    const std::string_view text = CommentText(line);
    if (comment.empty()) announced = false;
    if (comment == "//" || EndsWith(text, ":")) announced = true;
    const bool example = announced && StartsWith(comment, "//   ");
    if (!example && LooksLikeCode(text)) {
      findings.push_back({file.path, i + 1, "commented-out-code",
                          "a comment gives reasons; code is code or gone"});
    }
  }
}

}  // namespace

void CheckText(const SourceFile& file, std::vector<Finding>& findings) {
  for (size_t i = 0; i < file.lines.size(); ++i) {
    const std::string& text = file.lines[i].text;
    for (const std::string_view word : Identifiers(text)) {
      if (!IsMarker(word)) continue;
      findings.push_back({file.path, i + 1, "marker",
                          "what is left to do is no part of the code"});
    }
    if (HasMachinePath(text)) {
      findings.push_back({file.path, i + 1, "machine-path",
                          "a path of one machine means nothing elsewhere"});
    }
    if (HasIssueNumber(text)) {
      findings.push_back({file.path, i + 1, "issue-number",
                          "say the reason, not where it was discussed"});
    }
  }
  CheckCommentedCode(file, findings);
}

}  // namespace vade::house
