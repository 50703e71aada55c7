#include "client/load/crew.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace vade::load {
namespace {

absl::Status AddAnswer(size_t worker, const StepAnswer& answer,
                       StepAnswer& total) {
  if (!answer.error.empty()) {
    return absl::InternalError(
        absl::StrCat("worker ", worker, ": ", answer.error));
  }
  if (total.batch_id.empty()) total.batch_id = answer.batch_id;
  if (total.batch_id != answer.batch_id) {
    return absl::InternalError(
        absl::StrCat("one request_id dealt two batches: ", total.batch_id,
                     " and, to worker ", worker, ", ", answer.batch_id));
  }
  total.report_count += answer.report_count;
  total.rollout_count += answer.rollout_count;
  total.accepted_count += answer.accepted_count;
  total.failed_count += answer.failed_count;
  total.duplicate_count += answer.duplicate_count;
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string> WorkerArguments(const std::string& program,
                                         const WorkerOptions& options) {
  std::vector<std::string> arguments = {
      program,
      "worker",
      absl::StrCat("--address=", options.address),
      absl::StrCat("--index=", options.index),
      absl::StrCat("--workers=", options.worker_count),
      absl::StrCat("--threads=", options.thread_count),
      absl::StrCat("--rollouts-per-report=", options.rollouts_per_report),
      absl::StrCat("--failed-share=", options.failed_share),
      absl::StrCat("--split=",
                   options.split == Split::kGroups ? "groups" : "rollouts"),
      absl::StrCat("--seed=", options.learner_seed),
      absl::StrCat("--call-timeout-s=",
                   absl::ToDoubleSeconds(options.call_timeout))};
  if (!options.trace_path.empty()) {
    arguments.push_back("--trace=" + options.trace_path);
  }
  if (!options.log_path.empty()) {
    arguments.push_back("--log=" + options.log_path);
  }
  return arguments;
}

absl::StatusOr<std::unique_ptr<Crew>> Crew::Start(const CrewOptions& options) {
  std::error_code failed;
  if (!options.log_folder.empty()) {
    std::filesystem::create_directories(options.log_folder, failed);
  }
  if (failed) {
    return absl::UnavailableError(absl::StrCat(
        "cannot make folder ", options.log_folder, ": ", failed.message()));
  }
  std::unique_ptr<Crew> crew(new Crew());
  for (uint32_t i = 0; i < options.worker.worker_count; ++i) {
    WorkerOptions worker = options.worker;
    worker.index = i;
    if (!options.log_folder.empty()) {
      // The pid keeps apart the logs of two calls into one folder.
      worker.log_path = absl::StrCat(options.log_folder, "/worker-", ::getpid(),
                                     "-", i, ".jsonl");
    }
    auto process = ChildProcess::Start(
        {.arguments = WorkerArguments(options.program, worker),
         .with_pipes = true});
    if (!process.ok()) return process.status();
    crew->workers_.push_back(*std::move(process));
  }
  return crew;
}

absl::StatusOr<StepAnswer> Crew::RunStep(const StepCommand& command) {
  for (const auto& worker : workers_) {
    absl::Status written = worker->WriteLine(ToLine(command));
    if (!written.ok()) return written;
  }
  StepAnswer total;
  for (size_t i = 0; i < workers_.size(); ++i) {
    const absl::StatusOr<std::string> line = workers_[i]->ReadLine();
    if (!line.ok()) return line.status();
    const absl::StatusOr<StepAnswer> answer = ParseStepAnswer(*line);
    if (!answer.ok()) return answer.status();
    absl::Status added = AddAnswer(i, *answer, total);
    if (!added.ok()) return added;
  }
  return total;
}

}  // namespace vade::load
