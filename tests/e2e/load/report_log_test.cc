#include "client/load/report_log.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/catch.h"
#include "tests/e2e/temp_folder.h"

namespace vade::load {
namespace {

constexpr char kSent[] =
    R"({"event":"sent","report":0,"run":"r","batch":"b","rollouts":[["p",0,1.0]]})"
    "\n";
constexpr char kAnswered[] =
    R"({"event":"answered","report":0,"accepted":1,"failed":0,"duplicate":0})"
    "\n";

absl::Status ReadText(const std::string& text, ReportLog& log) {
  std::istringstream input(text);
  return ReadReportLog(input, "w.jsonl", "r", log);
}

std::string ErrorOfLog(const std::string& text) {
  ReportLog log;
  const absl::Status status = ReadText(text, log);
  CHECK(status.code() == absl::StatusCode::kDataLoss);
  return std::string(status.message());
}

TEST_CASE("what a worker logs is read back", "[unit]") {
  const TempFolder folder;
  {
    auto writer = ReportLogWriter::Open(folder.File("worker-0.jsonl")).value();
    const uint64_t first =
        writer->Sent({"r", "b1", {{"p", 0, 1.0}, {"q", 3, std::nullopt}}})
            .value();
    const uint64_t second = writer->Sent({"r", "b1", {{"p", 1, 0.5}}}).value();
    const uint64_t third = writer->Sent({"r", "b2", {{"p", 1, 0.0}}}).value();
    REQUIRE(writer->Sent({"r", "b2", {{"q", 1, 0.0}}}).ok());
    const uint64_t other = writer->Sent({"s", "b2", {{"p", 1, 1.0}}}).value();
    REQUIRE(writer->Answered(second, {1, 0, 0}).ok());
    REQUIRE(writer->Answered(first, {1, 1, 0}).ok());
    REQUIRE(writer->Answered(other, {1, 0, 0}).ok());
    REQUIRE(writer->Refused(third, absl::NotFoundError("gone")).ok());
  }
  const ReportLog log = ReadReportLogs(folder.path(), "r").value();
  CHECK(log.answered_report_count == 2);
  CHECK(log.unanswered_report_count == 2);
  CHECK(log.answers.accepted_count == 2);
  CHECK(log.answers.failed_count == 1);
  REQUIRE(log.batches.size() == 2);
  CHECK(log.batches.at("b1").at("p").at(0).answered);
  CHECK(log.batches.at("b1").at("p").at(1).reward == 0.5);
  CHECK(log.batches.at("b1").at("q").at(3).answered);
  CHECK_FALSE(log.batches.at("b1").at("q").at(3).reward.has_value());
  CHECK_FALSE(log.batches.at("b2").at("p").at(1).answered);
  CHECK_FALSE(log.batches.at("b2").at("q").at(1).answered);
}

TEST_CASE("a rollout answered once of two reports is answered", "[unit]") {
  ReportLog log;
  std::string again = kSent;
  again.replace(again.find("\"report\":0"), 10, "\"report\":1");
  REQUIRE(ReadText(kSent + again + kAnswered, log).ok());
  CHECK(log.batches.at("b").at("p").at(0).answered);
  CHECK(log.answered_report_count == 1);
  CHECK(log.unanswered_report_count == 1);
}

TEST_CASE("a torn last line is not an error", "[unit]") {
  ReportLog log;
  const std::string sent = kSent;
  REQUIRE(ReadText(sent + kAnswered + sent.substr(0, 30), log).ok());
  CHECK(log.answered_report_count == 1);
}

TEST_CASE("a damaged log is refused with its place", "[unit]") {
  const std::string sent = kSent;
  const std::string answered = kAnswered;
  CHECK(ErrorOfLog(sent.substr(0, 30) + "\n" + answered) ==
        "w.jsonl:1: is not JSON");
  CHECK(ErrorOfLog(answered) ==
        "w.jsonl:1: report 0 was not sent, or has ended");
  CHECK(ErrorOfLog(sent + answered + answered) ==
        "w.jsonl:3: report 0 was not sent, or has ended");
  CHECK(ErrorOfLog(sent + sent) == "w.jsonl:2: report 0 is sent twice");
  CHECK(ErrorOfLog("{}\n").substr(0, 10) == "w.jsonl:1:");
  std::string other = sent;
  other.replace(other.find("\"report\":0"), 10, "\"report\":1");
  other.replace(other.find("1.0"), 3, "0.0");
  CHECK(ErrorOfLog(sent + answered + other) ==
        "w.jsonl:3: batch b, prompt p, rollout 0 has two different rewards");
}

TEST_CASE("a folder without logs is not found", "[unit]") {
  const TempFolder folder;
  CHECK(ReadReportLogs(folder.path(), "r").status().code() ==
        absl::StatusCode::kNotFound);
  CHECK(ReadReportLogs(folder.File("none"), "r").status().code() ==
        absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace vade::load
