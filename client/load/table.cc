#include "client/load/table.h"

#include <algorithm>

namespace vade::load {
namespace {

// Characters of UTF-8 text.
size_t Width(const std::string& text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(),
      [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

void Table::AddRow(std::vector<std::string> cells) {
  cells.resize(rows_.front().size());
  rows_.push_back(std::move(cells));
}

std::string Table::Text() const {
  std::vector<size_t> widths(rows_.front().size(), 3);
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], Width(row[i]));
    }
  }
  std::string text;
  for (size_t r = 0; r < rows_.size(); ++r) {
    text += "|";
    for (size_t i = 0; i < widths.size(); ++i) {
      const std::string padding(widths[i] - Width(rows_[r][i]), ' ');
      text += i == 0 ? " " + rows_[r][i] + padding + " |"
                     : " " + padding + rows_[r][i] + " |";
    }
    text += "\n";
    if (r > 0) continue;
    text += "|";
    for (size_t i = 0; i < widths.size(); ++i) {
      text += std::string(widths[i] + (i == 0 ? 2 : 1), '-');
      text += i == 0 ? "|" : ":|";
    }
    text += "\n";
  }
  return text;
}

}  // namespace vade::load
