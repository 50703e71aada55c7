// Rules on names: what says nothing, what says it in another project's words,
// and the name of a header's guard.
#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>

#include "tests/house/tidy.h"
#include "tests/house/words.h"

namespace vade::house {
namespace {

using std::string_view;

// Anything fits under these.
constexpr std::array<string_view, 8> kEmptyWords = {
    "util", "utils", "common", "manager", "helper", "helpers", "misc", "stuff"};

// The project has another word for each; CONTRIBUTING.md has the list. Those of
// the first table mean nothing else, so that no type may have them either.
constexpr std::array<string_view, 11> kOtherWords = {
    "job",       "experiment", "trajectory", "accuracy",
    "minibatch", "heartbeat",  "feedback",   "ckpt",
    "nonce",     "backend",    "idempotency"};
constexpr std::array<string_view, 12> kOtherApiWords = {
    "session", "question",   "problem", "gamma", "ack",    "claim",
    "stale",   "degenerate", "dead",    "reply", "submit", "pending"};

template <size_t kSize>
string_view FirstWordIn(string_view name,
                        const std::array<string_view, kSize>& list) {
  for (const std::string& word : WordsOf(name)) {
    const auto* found = std::find(list.begin(), list.end(), word);
    if (found != list.end()) return *found;
  }
  return {};
}

void CheckEmptyWords(const SourceFile& file, size_t line, string_view name,
                     std::vector<Finding>& findings) {
  const string_view word = FirstWordIn(name, kEmptyWords);
  if (word.empty()) return;
  findings.push_back({file.path, line, "empty-name",
                      std::string(name) + ": '" + std::string(word) +
                          "' says nothing, so anything fits"});
}

void CheckOtherWords(const SourceFile& file, size_t line, string_view name,
                     string_view word, std::vector<Finding>& findings) {
  if (word.empty()) return;
  findings.push_back({file.path, line, "other-word",
                      std::string(name) + ": the project has another word " +
                          "for '" + std::string(word) + "'"});
}

// In the API and in flags every name is for good.
void CheckApiWords(const SourceFile& file, size_t line, string_view name,
                   std::vector<Finding>& findings) {
  CheckOtherWords(file, line, name, FirstWordIn(name, kOtherWords), findings);
  CheckOtherWords(file, line, name, FirstWordIn(name, kOtherApiWords),
                  findings);
}

bool Declares(string_view word) {
  return word == "class" || word == "struct" || word == "enum" ||
         word == "namespace" || word == "concept" || word == "union";
}

// Names of types and namespaces where they are declared.
void CheckTypes(const SourceFile& file, std::vector<Finding>& findings) {
  for (size_t i = 0; i < file.lines.size(); ++i) {
    bool declared = false;
    for (const string_view word : Identifiers(file.lines[i].code)) {
      if (Declares(word)) {
        declared = true;
      } else if (declared && word != "final") {
        // Attributes come first: all words of the line are looked at.
        CheckEmptyWords(file, i + 1, word, findings);
        CheckOtherWords(file, i + 1, word, FirstWordIn(word, kOtherWords),
                        findings);
      }
    }
  }
}

void CheckProto(const SourceFile& file, std::vector<Finding>& findings) {
  for (size_t i = 0; i < file.lines.size(); ++i) {
    for (const string_view word : Identifiers(file.lines[i].code)) {
      CheckEmptyWords(file, i + 1, word, findings);
      CheckApiWords(file, i + 1, word, findings);
    }
  }
}

// Flags in texts, as in "--batch-size".
void CheckFlags(const SourceFile& file, std::vector<Finding>& findings) {
  for (size_t i = 0; i < file.lines.size(); ++i) {
    const std::string& text = file.lines[i].text;
    size_t at = text.find("--");
    while (at != std::string::npos) {
      size_t end = at + 2;
      while (end < text.size() &&
             (IsWordCharacter(text[end]) || text[end] == '-')) {
        ++end;
      }
      CheckApiWords(file, i + 1, text.substr(at, end - at), findings);
      at = text.find("--", end);
    }
  }
}

void CheckGuard(const SourceFile& file, std::vector<Finding>& findings) {
  if (!EndsWith(file.path, ".h")) return;
  std::string guard = "VADE_";
  for (const char c : file.path) {
    guard.push_back(IsWordCharacter(c) ? static_cast<char>(std::toupper(
                                             static_cast<unsigned char>(c)))
                                       : '_');
  }
  guard.push_back('_');
  for (const Line& line : file.lines) {
    if (line.code == "#ifndef " + guard) return;
  }
  findings.push_back({file.path, 0, "header-guard", "no #ifndef " + guard});
}

}  // namespace

void CheckNames(const SourceFile& file, std::vector<Finding>& findings) {
  CheckEmptyWords(file, 0, file.path, findings);
  switch (file.language) {
    case Language::kCpp:
      CheckTypes(file, findings);
      CheckFlags(file, findings);
      CheckGuard(file, findings);
      break;
    case Language::kProto:
      CheckProto(file, findings);
      break;
    default:
      break;
  }
}

}  // namespace vade::house
