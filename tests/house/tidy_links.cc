// Rules on pages: what they link to is there.
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/house/tidy.h"
#include "tests/house/words.h"

namespace vade::house {
namespace {

using std::string_view;

// Files, and the folders that they lie in, without a '/' at the end.
std::set<std::string> PathsOf(const std::vector<SourceFile>& files) {
  std::set<std::string> paths;
  for (const SourceFile& file : files) {
    std::string path = file.path;
    while (paths.insert(path).second) {
      const size_t slash = path.rfind('/');
      if (slash == std::string::npos) break;
      path.resize(slash);
    }
  }
  return paths;
}

// `target` as seen from the folder of `page`, from the root of the tree.
std::string Resolve(string_view page, string_view target) {
  const size_t last = page.rfind('/');
  std::string path(page.substr(0, last == string_view::npos ? 0 : last));
  while (!target.empty()) {
    const size_t slash = target.find('/');
    const string_view part = target.substr(0, slash);
    if (part == "..") {
      const size_t parent = path.rfind('/');
      path.resize(parent == std::string::npos ? 0 : parent);
    } else if (!part.empty() && part != ".") {
      if (!path.empty()) path += '/';
      path += part;
    }
    if (slash == string_view::npos) break;
    target.remove_prefix(slash + 1);
  }
  return path;
}

bool IsLocal(string_view target) {
  return !target.empty() && !Contains(target, "://") &&
         !StartsWith(target, "mailto:") && !StartsWith(target, "#");
}

void CheckLine(const SourceFile& page, size_t line,
               const std::set<std::string>& paths,
               std::vector<Finding>& findings) {
  string_view rest = page.lines[line].text;
  for (size_t open = rest.find("]("); open != string_view::npos;
       open = rest.find("](")) {
    rest.remove_prefix(open + 2);
    const string_view link = rest.substr(0, rest.find(')'));
    const string_view target = link.substr(0, link.find('#'));
    if (!IsLocal(link) || paths.count(Resolve(page.path, target)) != 0) {
      continue;
    }
    findings.push_back({page.path, line + 1, "broken-link",
                        std::string(link) + " is not there"});
  }
}

}  // namespace

void CheckLinks(const std::vector<SourceFile>& files,
                std::vector<Finding>& findings) {
  const std::set<std::string> paths = PathsOf(files);
  for (const SourceFile& file : files) {
    if (!EndsWith(file.path, ".md")) continue;
    for (size_t line = 0; line < file.lines.size(); ++line) {
      CheckLine(file, line, paths, findings);
    }
  }
}

}  // namespace vade::house
