#include "client/cli/table.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"

namespace vade::cli {
namespace {

constexpr char kGap[] = "  ";
constexpr int kGapWidth = 2;
constexpr int kLeastFlexibleWidth = 8;

bool ContinuesCharacter(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

std::string Printable(const std::string& text) {
  std::string result = text;
  for (char& byte : result) {
    const auto code = static_cast<unsigned char>(byte);
    if (code < 0x20 || code == 0x7F) byte = '?';
  }
  return result;
}

std::string Pad(const std::string& text, int width, Align align) {
  const std::string blanks(std::max(0, width - DisplayWidth(text)), ' ');
  return align == Align::kRight ? blanks + text : text + blanks;
}

void TrimBlanks(std::string& line) {
  line.erase(line.find_last_not_of(' ') + 1);
}

}  // namespace

int DisplayWidth(const std::string& text) {
  return static_cast<int>(std::count_if(
      text.begin(), text.end(), [](char c) { return !ContinuesCharacter(c); }));
}

std::string FitWidth(const std::string& text, int width) {
  std::string printable = Printable(text);
  if (DisplayWidth(printable) <= width) return printable;
  size_t end = 0;
  for (int taken = 0; taken < width - 1; ++taken) {
    ++end;
    while (end < printable.size() && ContinuesCharacter(printable[end])) ++end;
  }
  return printable.substr(0, end) + "…";
}

Table& Table::Column(std::string title, Align align) {
  columns_.push_back({std::move(title), align});
  return *this;
}

Table& Table::Flexible() {
  flexible_ = static_cast<int>(columns_.size()) - 1;
  return *this;
}

void Table::AddRow(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

std::vector<int> Table::Widths(int max_width) const {
  std::vector<int> widths;
  for (const ColumnSpec& column : columns_) {
    widths.push_back(DisplayWidth(column.title));
  }
  for (const std::vector<std::string>& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], DisplayWidth(row[i]));
    }
  }
  int total = kGapWidth * (static_cast<int>(widths.size()) - 1);
  for (const int width : widths) total += width;
  if (max_width > 0 && total > max_width && flexible_ >= 0) {
    int& width = widths[flexible_];
    width = std::max(std::min(width, kLeastFlexibleWidth),
                     width - (total - max_width));
  }
  return widths;
}

std::string Table::Render(int max_width) const {
  const std::vector<int> widths = Widths(max_width);
  std::string text;
  const auto add_line = [&](const auto& cell_of) {
    std::string line;
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) line += kGap;
      line += Pad(FitWidth(cell_of(i), std::max(1, widths[i])), widths[i],
                  columns_[i].align);
    }
    TrimBlanks(line);
    absl::StrAppend(&text, line, "\n");
  };
  add_line([&](size_t i) { return columns_[i].title; });
  for (const std::vector<std::string>& row : rows_) {
    add_line([&](size_t i) { return row[i]; });
  }
  return text;
}

std::string RenderProperties(
    const std::vector<std::pair<std::string, std::string>>& properties,
    int max_width) {
  int name_width = 0;
  for (const auto& [name, value] : properties) {
    name_width = std::max(name_width, DisplayWidth(name));
  }
  std::string text;
  for (const auto& [name, value] : properties) {
    const int left =
        max_width > 0
            ? std::max(kLeastFlexibleWidth, max_width - name_width - kGapWidth)
            : std::max(1, DisplayWidth(value));
    std::string line = absl::StrCat(Pad(name, name_width, Align::kLeft), kGap,
                                    FitWidth(value, left));
    TrimBlanks(line);
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

}  // namespace vade::cli
