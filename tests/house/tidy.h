// The house rules that a machine can hold and clang-format and clang-tidy do
// not: sizes, names, layers, where time and chance may enter, what may not
// stand in a tree. Pure functions of the files' text, so that each rule is
// tested with planted violations. CONTRIBUTING.md says the rules in words.
#ifndef VADE_TESTS_HOUSE_TIDY_H_
#define VADE_TESTS_HOUSE_TIDY_H_

#include <cstddef>
#include <string>
#include <vector>

#include "tests/house/source_file.h"

namespace vade::house {

inline constexpr size_t kMaxFileLines = 500;
inline constexpr size_t kMaxFunctionLines = 70;

struct Finding {
  std::string path;
  // From 1; 0 for a finding about the whole file.
  size_t line = 0;
  // A short fixed name, such as "function-length".
  std::string rule;
  std::string text;
};

// "path:line: rule: text"
std::string ToString(const Finding& finding);

// All findings, file by file in the order given.
std::vector<Finding> CheckTree(const std::vector<SourceFile>& files);

// The groups of rules that CheckTree puts together. Each appends to
// `findings`.
void CheckSizes(const SourceFile& file, std::vector<Finding>& findings);
void CheckText(const SourceFile& file, std::vector<Finding>& findings);
void CheckNames(const SourceFile& file, std::vector<Finding>& findings);
void CheckCode(const SourceFile& file, std::vector<Finding>& findings);
void CheckLayers(const SourceFile& file, std::vector<Finding>& findings);
void CheckLinks(const std::vector<SourceFile>& files,
                std::vector<Finding>& findings);

}  // namespace vade::house

#endif  // VADE_TESTS_HOUSE_TIDY_H_
