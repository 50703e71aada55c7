// What a worker sent and what the server answered, kept outside the server, so
// that the server's books can be checked against it.
//
// One folder a run of the tool, one file a worker, JSON lines, each written
// and flushed at once:
//   {"event":"sent","report":7,"run":"r","batch":"b",
//    "rollouts":[["prompt",0,1.0],["prompt",3,null]]}     null: failed
//   {"event":"answered","report":7,"accepted":1,"failed":1,"duplicate":0}
//   {"event":"refused","report":8,"code":5,"message":"..."}
// `sent` comes before the call, once whatever the client repeats; a report
// with `sent` alone was never answered. `refused` is a final error by the
// server or the deadline: as good as unanswered.
#ifndef VADE_CLIENT_LOAD_REPORT_LOG_H_
#define VADE_CLIENT_LOAD_REPORT_LOG_H_

#include <cstdint>
#include <cstdio>
#include <istream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace vade::load {

struct SentRollout {
  std::string prompt_id;
  uint32_t index = 0;
  // Unset: the rollout failed.
  std::optional<double> reward;
};

struct SentReport {
  std::string run_id;
  std::string batch_id;
  std::vector<SentRollout> rollouts;
};

struct ReportAnswer {
  uint64_t accepted_count = 0;
  uint64_t failed_count = 0;
  uint64_t duplicate_count = 0;
};

// Appends to one worker's file. Thread-safe.
class ReportLogWriter {
 public:
  // Appends to `path`, creating it. UNAVAILABLE: cannot open it.
  static absl::StatusOr<std::unique_ptr<ReportLogWriter>> Open(
      const std::string& path);
  ~ReportLogWriter();
  ReportLogWriter(const ReportLogWriter&) = delete;
  ReportLogWriter& operator=(const ReportLogWriter&) = delete;

  // Logs the report and returns its number in the file. UNAVAILABLE: the line
  // could not be written; then the report must not be sent.
  absl::StatusOr<uint64_t> Sent(const SentReport& report);
  absl::Status Answered(uint64_t report, const ReportAnswer& answer);
  absl::Status Refused(uint64_t report, const absl::Status& error);

 private:
  explicit ReportLogWriter(std::FILE* file) : file_(file) {}
  absl::Status Append(const std::string& line);

  std::FILE* const file_;
  // Orders lines; also makes a number and its line one step.
  std::mutex mu_;
  uint64_t next_report_ = 0;
};

// A rollout as the logs know it.
struct LoggedRollout {
  bool answered = false;
  std::optional<double> reward;
};

// (prompt, index) of one batch.
using LoggedBatch = std::map<std::string, std::map<uint32_t, LoggedRollout>>;

// All reports of one run. Thread-compatible.
struct ReportLog {
  std::map<std::string, LoggedBatch> batches;
  uint64_t answered_report_count = 0;
  uint64_t unanswered_report_count = 0;
  // Sums of the answers.
  ReportAnswer answers;
};

// Adds one file's reports of `run_id` to `log`. A last line without its end is
// ignored: its writer died in it, before the call it announces. DATA_LOSS with
// name and line: anything else that cannot be read, an answer to a report that
// was not sent, or one rollout with two rewards.
absl::Status ReadReportLog(std::istream& input, const std::string& name,
                           const std::string& run_id, ReportLog& log);

// Reads every *.jsonl of the folder. NOT_FOUND: there is none.
absl::StatusOr<ReportLog> ReadReportLogs(const std::string& folder,
                                         const std::string& run_id);

}  // namespace vade::load

#endif  // VADE_CLIENT_LOAD_REPORT_LOG_H_
