// Table: text in aligned columns, for people. Pure, thread-compatible.
#ifndef VADE_CLIENT_CLI_TABLE_H_
#define VADE_CLIENT_CLI_TABLE_H_

#include <string>
#include <utility>
#include <vector>

namespace vade::cli {

enum class Align { kLeft, kRight };

// Columns of a terminal that `text`, in UTF-8, takes: one a character, so
// wide and combining characters are counted wrong.
int DisplayWidth(const std::string& text);

// `text` if it fits in `width` columns (>= 1), else its start and "…". Control
// characters become '?', so that data cannot steer the terminal.
std::string FitWidth(const std::string& text, int width);

class Table {
 public:
  // One column of this name. Give all columns before the first row.
  Table& Column(std::string title, Align align = Align::kLeft);

  // The last column given so far shrinks if the table is wider than the
  // terminal. One at most; none by default.
  Table& Flexible();

  // As many cells as columns.
  void AddRow(std::vector<std::string> cells);

  // Title line and rows, each ended by a newline without blanks before it.
  // `max_width`, in columns, 0 for no limit, is kept as far as the flexible
  // column can give way; it keeps at least 8.
  std::string Render(int max_width) const;

  bool empty() const { return rows_.empty(); }

 private:
  struct ColumnSpec {
    std::string title;
    Align align;
  };

  std::vector<int> Widths(int max_width) const;

  std::vector<ColumnSpec> columns_;
  std::vector<std::vector<std::string>> rows_;
  int flexible_ = -1;
};

// One thing's properties: names and values in two aligned columns, each line
// ended by a newline. An empty name makes a blank line.
std::string RenderProperties(
    const std::vector<std::pair<std::string, std::string>>& properties,
    int max_width);

}  // namespace vade::cli

#endif  // VADE_CLIENT_CLI_TABLE_H_
