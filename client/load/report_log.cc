#include "client/load/report_log.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace vade::load {
namespace {

using Json = nlohmann::json;

Json RolloutJson(const SentRollout& rollout) {
  Json reward = nullptr;
  if (rollout.reward.has_value()) reward = *rollout.reward;
  return Json::array({rollout.prompt_id, rollout.index, reward});
}

absl::Status Damaged(const std::string& name, uint64_t line,
                     const std::string& what) {
  return absl::DataLossError(absl::StrCat(name, ":", line, ": ", what));
}

// Reads the lines of one file; remembers what is sent until it is answered.
class FileReader {
 public:
  FileReader(std::string run_id, ReportLog& log)
      : run_id_(std::move(run_id)), log_(log) {}

  // The error text, empty if all is well.
  std::string Take(const Json& line) {
    const std::string event = line.at("event").get<std::string>();
    const uint64_t report = line.at("report").get<uint64_t>();
    if (event == "sent") return TakeSent(report, line);
    const auto it = open_.find(report);
    if (it == open_.end()) {
      return absl::StrCat("report ", report, " was not sent, or has ended");
    }
    if (event != "answered" && event != "refused") {
      return absl::StrCat("unknown event '", event, "'");
    }
    std::string error;
    if (it->second.run_id == run_id_) {
      error = event == "answered" ? TakeAnswer(it->second, line)
                                  : Close(it->second, false);
    }
    open_.erase(it);
    return error;
  }

  // Reports that were never answered.
  std::string Finish() {
    for (const auto& [number, report] : open_) {
      if (report.run_id != run_id_) continue;
      std::string error = Close(report, false);
      if (!error.empty()) return error;
    }
    return "";
  }

 private:
  std::string TakeSent(uint64_t number, const Json& line) {
    SentReport report;
    report.run_id = line.at("run").get<std::string>();
    report.batch_id = line.at("batch").get<std::string>();
    for (const Json& item : line.at("rollouts")) {
      SentRollout rollout;
      rollout.prompt_id = item.at(0).get<std::string>();
      rollout.index = item.at(1).get<uint32_t>();
      if (!item.at(2).is_null()) rollout.reward = item.at(2).get<double>();
      report.rollouts.push_back(std::move(rollout));
    }
    if (!open_.emplace(number, std::move(report)).second) {
      return absl::StrCat("report ", number, " is sent twice");
    }
    return "";
  }

  std::string TakeAnswer(const SentReport& report, const Json& line) {
    log_.answers.accepted_count += line.at("accepted").get<uint64_t>();
    log_.answers.failed_count += line.at("failed").get<uint64_t>();
    log_.answers.duplicate_count += line.at("duplicate").get<uint64_t>();
    return Close(report, true);
  }

  std::string Close(const SentReport& report, bool answered) {
    ++(answered ? log_.answered_report_count : log_.unanswered_report_count);
    LoggedBatch& batch = log_.batches[report.batch_id];
    for (const SentRollout& sent : report.rollouts) {
      const auto [it, added] =
          batch[sent.prompt_id].try_emplace(sent.index, LoggedRollout());
      LoggedRollout& rollout = it->second;
      if (added) rollout.reward = sent.reward;
      if (rollout.reward != sent.reward) {
        return absl::StrCat("batch ", report.batch_id, ", prompt ",
                            sent.prompt_id, ", rollout ", sent.index,
                            " has two different rewards");
      }
      rollout.answered |= answered;
    }
    return "";
  }

  const std::string run_id_;
  ReportLog& log_;
  std::map<uint64_t, SentReport> open_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ReportLogWriter>> ReportLogWriter::Open(
    const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "ae");
  if (file == nullptr) {
    return absl::UnavailableError(
        absl::StrCat("cannot open log ", path, ": ", std::strerror(errno)));
  }
  return std::unique_ptr<ReportLogWriter>(new ReportLogWriter(file));
}

ReportLogWriter::~ReportLogWriter() { std::fclose(file_); }

absl::Status ReportLogWriter::Append(const std::string& line) {
  if (std::fputs(line.c_str(), file_) < 0 || std::fputc('\n', file_) < 0 ||
      std::fflush(file_) != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot write the report log: ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> ReportLogWriter::Sent(const SentReport& report) {
  Json rollouts = Json::array();
  for (const SentRollout& rollout : report.rollouts) {
    rollouts.push_back(RolloutJson(rollout));
  }
  const std::lock_guard<std::mutex> lock(mu_);
  const Json line = {{"event", "sent"},
                     {"report", next_report_},
                     {"run", report.run_id},
                     {"batch", report.batch_id},
                     {"rollouts", std::move(rollouts)}};
  absl::Status written = Append(line.dump());
  if (!written.ok()) return written;
  return next_report_++;
}

absl::Status ReportLogWriter::Answered(uint64_t report,
                                       const ReportAnswer& answer) {
  const Json line = {{"event", "answered"},
                     {"report", report},
                     {"accepted", answer.accepted_count},
                     {"failed", answer.failed_count},
                     {"duplicate", answer.duplicate_count}};
  const std::lock_guard<std::mutex> lock(mu_);
  return Append(line.dump());
}

absl::Status ReportLogWriter::Refused(uint64_t report,
                                      const absl::Status& error) {
  const Json line = {{"event", "refused"},
                     {"report", report},
                     {"code", static_cast<int>(error.code())},
                     {"message", std::string(error.message())}};
  const std::lock_guard<std::mutex> lock(mu_);
  return Append(line.dump());
}

absl::Status ReadReportLog(std::istream& input, const std::string& name,
                           const std::string& run_id, ReportLog& log) {
  FileReader reader(run_id, log);
  std::string text;
  uint64_t number = 0;
  while (std::getline(input, text)) {
    ++number;
    // The stream ended without a line end: the line is torn.
    if (input.eof()) break;
    const Json line = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (line.is_discarded()) return Damaged(name, number, "is not JSON");
    std::string error;
    try {
      error = reader.Take(line);
    } catch (const Json::exception& exception) {
      error = exception.what();
    }
    if (!error.empty()) return Damaged(name, number, error);
  }
  const std::string error = reader.Finish();
  if (!error.empty()) return Damaged(name, number, error);
  return absl::OkStatus();
}

absl::StatusOr<ReportLog> ReadReportLogs(const std::string& folder,
                                         const std::string& run_id) {
  std::vector<std::filesystem::path> paths;
  std::error_code failed;
  for (const auto& entry :
       std::filesystem::directory_iterator(folder, failed)) {
    if (entry.path().extension() == ".jsonl") paths.push_back(entry.path());
  }
  if (failed || paths.empty()) {
    return absl::NotFoundError(
        absl::StrCat("no report log (*.jsonl) in ", folder));
  }
  std::sort(paths.begin(), paths.end());
  ReportLog log;
  for (const std::filesystem::path& path : paths) {
    std::ifstream input(path);
    if (!input) {
      return absl::UnavailableError(
          absl::StrCat("cannot open ", path.string()));
    }
    absl::Status read = ReadReportLog(input, path.string(), run_id, log);
    if (!read.ok()) return read;
  }
  return log;
}

}  // namespace vade::load
