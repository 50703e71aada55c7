// A table in plain text: columns as wide as their widest cell, the first one
// left-aligned, the others right-aligned, a rule under the head. Markdown, so
// that it may stand in a page as it is. Thread-compatible.
#ifndef VADE_CLIENT_LOAD_TABLE_H_
#define VADE_CLIENT_LOAD_TABLE_H_

#include <string>
#include <utility>
#include <vector>

namespace vade::load {

class Table {
 public:
  explicit Table(std::vector<std::string> head) : rows_{std::move(head)} {}

  // Missing cells are empty; more cells than the head has are dropped.
  void AddRow(std::vector<std::string> cells);

  // Ends with a line end.
  std::string Text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace vade::load

#endif  // VADE_CLIENT_LOAD_TABLE_H_
