#include "tests/house/tidy.h"

#include <set>
#include <string_view>

#include "tests/house/words.h"

namespace vade::house {
namespace {

// Each folder at the top says what lives in it.
void CheckReadmes(const std::vector<SourceFile>& files,
                  std::vector<Finding>& findings) {
  std::set<std::string> folders;
  std::set<std::string> with_readme;
  for (const SourceFile& file : files) {
    const size_t slash = file.path.find('/');
    if (slash == std::string::npos || file.path[0] == '.') continue;
    const std::string folder = file.path.substr(0, slash);
    folders.insert(folder);
    if (file.path == folder + "/README.md") with_readme.insert(folder);
  }
  for (const std::string& folder : folders) {
    if (with_readme.count(folder) != 0) continue;
    findings.push_back({folder + "/README.md", 0, "folder-readme",
                        "a folder at the top has a README.md"});
  }
}

// Copies of other projects' files keep their own style.
bool IsForeign(const SourceFile& file) {
  return StartsWith(file.path, "proto/google/") ||
         StartsWith(file.path, "proto/grpc/");
}

}  // namespace

std::string ToString(const Finding& finding) {
  return finding.path + ":" + std::to_string(finding.line) + ": " +
         finding.rule + ": " + finding.text;
}

std::vector<Finding> CheckTree(const std::vector<SourceFile>& files) {
  std::vector<Finding> findings;
  for (const SourceFile& file : files) {
    if (IsForeign(file)) continue;
    CheckSizes(file, findings);
    CheckText(file, findings);
    CheckNames(file, findings);
    CheckCode(file, findings);
    CheckLayers(file, findings);
  }
  CheckReadmes(files, findings);
  CheckLinks(files, findings);
  return findings;
}

}  // namespace vade::house
