#include "client/cli/row_source.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace vade::cli {
namespace {

// Adds one line of a CSV record to `cells` (RFC 4180). `open` says whether a
// quoted cell goes on from the line before, and on return whether one is still
// open. False if a quote stands where none may.
bool AddCsvLine(const std::string& line, std::vector<std::string>& cells,
                bool& open) {
  size_t i = 0;
  if (!open) cells.emplace_back();
  bool after_quote = false;
  for (; i < line.size(); ++i) {
    const char c = line[i];
    if (open) {
      if (c != '"') {
        cells.back() += c;
      } else if (i + 1 < line.size() && line[i + 1] == '"') {
        cells.back() += '"';
        ++i;
      } else {
        open = false;
        after_quote = true;
      }
    } else if (c == ',') {
      cells.emplace_back();
      after_quote = false;
    } else if (c == '"' && cells.back().empty() && !after_quote) {
      open = true;
    } else if (c == '"' || after_quote) {
      return false;
    } else {
      cells.back() += c;
    }
  }
  return true;
}

}  // namespace

RowSource::RowSource(std::istream& in, std::string name, RowFormat format)
    : in_(in), name_(std::move(name)), format_(format) {}

absl::StatusOr<bool> RowSource::Next(Row& row) {
  return format_ == RowFormat::kJsonl ? NextJsonl(row) : NextCsv(row);
}

absl::Status RowSource::ErrorAt(const Row& row, const std::string& text) const {
  return absl::InvalidArgumentError(
      absl::StrCat(name_, ":", row.line, ": ", text));
}

bool RowSource::ReadLine(std::string& line) {
  if (!std::getline(in_, line)) return false;
  ++line_;
  bytes_read_ += line.size() + 1;
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return true;
}

absl::StatusOr<bool> RowSource::NextJsonl(Row& row) {
  do {
    if (!ReadLine(row.text)) return false;
    row.line = line_;
  } while (row.text.find_first_not_of(" \t") == std::string::npos);
  if (row.text.size() > kMaxRowBytes) {
    return ErrorAt(row, absl::StrCat("the line has ", row.text.size(),
                                     " bytes, more than ", kMaxRowBytes));
  }
  row.fields = nlohmann::ordered_json::parse(row.text, nullptr,
                                             /*allow_exceptions=*/false);
  if (row.fields.is_discarded()) return ErrorAt(row, "the line is not JSON");
  if (!row.fields.is_object()) {
    return ErrorAt(row,
                   absl::StrCat("the line is a JSON ", row.fields.type_name(),
                                ", not an object"));
  }
  return true;
}

absl::StatusOr<bool> RowSource::ReadRecord(Row& row,
                                           std::vector<std::string>& cells) {
  cells.clear();
  std::string line;
  do {
    if (!ReadLine(line)) return false;
    row.line = line_;
  } while (line.empty());
  bool open = false;
  size_t bytes = 0;
  while (true) {
    bytes += line.size();
    if (bytes > kMaxRowBytes) {
      return ErrorAt(row, absl::StrCat("the record has more than ",
                                       kMaxRowBytes, " bytes"));
    }
    if (!AddCsvLine(line, cells, open)) {
      return ErrorAt(row,
                     "a quote stands within a cell; double it, and put "
                     "quotes around the cell");
    }
    if (!open) return true;
    cells.back() += '\n';
    if (!ReadLine(line)) return ErrorAt(row, "a quoted cell has no end");
  }
}

absl::StatusOr<bool> RowSource::NextCsv(Row& row) {
  if (header_.empty()) {
    auto any = ReadRecord(row, header_);
    if (!any.ok() || !*any) return any;
    const std::set<std::string> names(header_.begin(), header_.end());
    if (names.size() != header_.size()) {
      return ErrorAt(row, "two columns of the header have the same name");
    }
  }
  std::vector<std::string> cells;
  auto any = ReadRecord(row, cells);
  if (!any.ok() || !*any) return any;
  if (cells.size() != header_.size()) {
    return ErrorAt(row, absl::StrCat("the row has ", cells.size(),
                                     " cells, the header ", header_.size()));
  }
  row.fields = nlohmann::ordered_json::object();
  for (size_t i = 0; i < cells.size(); ++i) row.fields[header_[i]] = cells[i];
  // Bytes that are not UTF-8 must not stop an import; they are shown as such.
  row.text = row.fields.dump(-1, ' ', false,
                             nlohmann::ordered_json::error_handler_t::replace);
  return true;
}

}  // namespace vade::cli
