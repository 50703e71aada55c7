// Rules on code: who owns, what is thrown, where time and chance may enter.
#include <array>
#include <string>
#include <string_view>

#include "tests/house/tidy.h"
#include "tests/house/words.h"

namespace vade::house {
namespace {

using std::string_view;

// Everything else takes its time and its seeds through a constructor.
bool MayTouchTheWorld(const SourceFile& file) {
  const string_view stem = StemOf(file.path);
  return stem == "clock" || stem == "seed";
}

bool IsWorldWord(string_view word) {
  constexpr std::array<string_view, 8> kWords = {
      "random_device", "sleep",    "usleep",      "nanosleep",
      "sleep_for",     "SleepFor", "sleep_until", "clock_nanosleep"};
  for (const string_view known : kWords) {
    if (word == known) return true;
  }
  return false;
}

void CheckWorld(const SourceFile& file, std::vector<Finding>& findings) {
  if (MayTouchTheWorld(file)) return;
  for (size_t i = 0; i < file.lines.size(); ++i) {
    const std::string& code = file.lines[i].code;
    bool found = Contains(code, "absl::Now(");
    for (const string_view word : Identifiers(code)) {
      found = found || IsWorldWord(word);
    }
    if (!found) continue;
    findings.push_back({file.path, i + 1, "hidden-world",
                        "time, sleep and chance come in through a "
                        "constructor; only clock.* and seed.* touch them"});
  }
}

// Splits the code at ';', '{' and '}' and looks at each statement whole.
class StatementReader {
 public:
  StatementReader(const SourceFile& file, std::vector<Finding>& findings)
      : file_(file), findings_(findings) {}

  void Run() {
    for (size_t i = 0; i < file_.lines.size(); ++i) {
      const std::string& code = file_.lines[i].code;
      if (StartsWith(Trim(code), "#")) continue;
      for (const char c : code) {
        if (c == ';' || c == '{' || c == '}') {
          Check();
          statement_.clear();
          continue;
        }
        if (statement_.empty() && c == ' ') continue;
        if (statement_.empty()) line_ = i + 1;
        statement_.push_back(c);
      }
      if (!statement_.empty()) statement_.push_back(' ');
    }
  }

 private:
  void Check() {
    string_view before;
    for (const string_view word : Identifiers(statement_)) {
      if (word == "throw") {
        Add("throw", "fallible functions return absl::Status");
      } else if (word == "new" && before != "operator" && !NewIsOwned()) {
        Add("raw-new", "unique_ptr owns, from the first moment");
      } else if (word == "delete" && before != "operator" &&
                 !DeleteIsAllowed()) {
        Add("raw-delete", "unique_ptr owns, to the last moment");
      }
      before = word;
    }
  }

  // A private constructor is out of make_unique's reach.
  bool NewIsOwned() const {
    return Contains(statement_, "unique_ptr") ||
           Contains(statement_, "shared_ptr") ||
           Contains(statement_, "WrapUnique");
  }

  // A gRPC reactor ends its own life when gRPC says that it is done.
  bool DeleteIsAllowed() const {
    return Contains(statement_, "= delete") || statement_ == "delete this";
  }

  void Add(std::string rule, std::string text) {
    findings_.push_back({file_.path, line_, std::move(rule), std::move(text)});
  }

  const SourceFile& file_;
  std::vector<Finding>& findings_;
  std::string statement_;
  size_t line_ = 0;
};

}  // namespace

void CheckCode(const SourceFile& file, std::vector<Finding>& findings) {
  if (file.language != Language::kCpp) return;
  CheckWorld(file, findings);
  StatementReader(file, findings).Run();
}

}  // namespace vade::house
