// RowSource: reads the rows of a JSONL or CSV file, one at a time.
#ifndef VADE_CLIENT_CLI_ROW_SOURCE_H_
#define VADE_CLIENT_CLI_ROW_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <istream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace vade::cli {

// Longest line (in CSV: longest record) that is read.
inline constexpr size_t kMaxRowBytes = size_t{16} << 20;

struct Row {
  // Where it starts, from 1.
  uint64_t line = 0;
  // The line without its end; of a CSV record: its fields as a JSON object.
  std::string text;
  // An object. Values of CSV fields are strings.
  nlohmann::ordered_json fields;
};

enum class RowFormat { kJsonl, kCsv };

// Thread-compatible.
class RowSource {
 public:
  // `name` stands in errors before the line: "train.jsonl:17: ...". The stream
  // must outlive this.
  RowSource(std::istream& in, std::string name, RowFormat format);

  // Reads the next row into `row`. False at the end. INVALID_ARGUMENT, naming
  // file and line, for a row that is malformed. Empty lines are passed over.
  absl::StatusOr<bool> Next(Row& row);

  // "train.jsonl:17: `text`" as INVALID_ARGUMENT, 17 being the row's line.
  absl::Status ErrorAt(const Row& row, const std::string& text) const;

  uint64_t bytes_read() const { return bytes_read_; }

 private:
  absl::StatusOr<bool> NextJsonl(Row& row);
  absl::StatusOr<bool> NextCsv(Row& row);
  // The next line without its end; false at the end of the file.
  bool ReadLine(std::string& line);
  // Reads one CSV record, which may span lines. False at the end.
  absl::StatusOr<bool> ReadRecord(Row& row, std::vector<std::string>& cells);

  std::istream& in_;
  const std::string name_;
  const RowFormat format_;
  std::vector<std::string> header_;
  uint64_t line_ = 0;
  uint64_t bytes_read_ = 0;
};

}  // namespace vade::cli

#endif  // VADE_CLIENT_CLI_ROW_SOURCE_H_
