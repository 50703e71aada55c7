#include "client/load/worker.h"

#include <algorithm>
#include <atomic>
#include <iostream>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/load/connection.h"
#include "client/load/keyed_random.h"
#include "client/load/simulated_learner.h"
#include "client/load/trace.h"

namespace vade::load {
namespace {

namespace api = client::api;

constexpr uint64_t kOrderStream = 4;

// The reports of one step, taken one by one by the sending threads, and what
// came of them. Thread-safe.
class ReportQueue {
 public:
  ReportQueue(std::string run_id, std::string batch_id,
              std::vector<SentRollout> rollouts, uint32_t rollouts_per_report)
      : run_id_(std::move(run_id)),
        batch_id_(std::move(batch_id)),
        rollouts_(std::move(rollouts)),
        step_(std::max<uint32_t>(rollouts_per_report, 1)) {}

  // The next report; false at the end, or after an error.
  bool Next(SentReport& report) {
    if (stopped_.load()) return false;
    const size_t first = next_.fetch_add(step_);
    if (first >= rollouts_.size()) return false;
    const size_t last = std::min(first + step_, rollouts_.size());
    report = {run_id_, batch_id_, {}};
    report.rollouts.assign(rollouts_.begin() + static_cast<ptrdiff_t>(first),
                           rollouts_.begin() + static_cast<ptrdiff_t>(last));
    return true;
  }

  void Done(const absl::Status& status, const ReportAnswer& answer,
            size_t rollout_count) {
    const std::lock_guard<std::mutex> lock(mu_);
    if (!status.ok()) {
      stopped_.store(true);
      if (error_.ok()) error_ = status;
      return;
    }
    ++total_.report_count;
    total_.rollout_count += rollout_count;
    total_.accepted_count += answer.accepted_count;
    total_.failed_count += answer.failed_count;
    total_.duplicate_count += answer.duplicate_count;
  }

  absl::StatusOr<StepAnswer> Result() {
    const std::lock_guard<std::mutex> lock(mu_);
    if (!error_.ok()) return error_;
    total_.batch_id = batch_id_;
    return total_;
  }

 private:
  const std::string run_id_;
  const std::string batch_id_;
  const std::vector<SentRollout> rollouts_;
  const uint32_t step_;
  // Atomic: taken by all threads without waiting for one another.
  std::atomic<size_t> next_ = 0;
  std::atomic<bool> stopped_ = false;
  // Guards what follows.
  std::mutex mu_;
  StepAnswer total_;
  absl::Status error_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Worker>> Worker::Create(
    const WorkerOptions& options) {
  std::unique_ptr<Worker> worker(new Worker(options));
  if (options.trace_path.empty()) {
    worker->source_ = std::make_unique<SimulatedLearner>(
        LearnerSettings{.seed = options.learner_seed});
  } else {
    absl::StatusOr<Trace> trace = Trace::ReadFile(options.trace_path);
    if (!trace.ok()) return trace.status();
    worker->source_ = std::make_unique<Trace>(*std::move(trace));
  }
  if (!options.log_path.empty()) {
    auto log = ReportLogWriter::Open(options.log_path);
    if (!log.ok()) return log.status();
    worker->log_ = *std::move(log);
  }
  auto client = ConnectTo(options.address, options.call_timeout);
  if (!client.ok()) return client.status();
  worker->client_ = *std::move(client);
  return worker;
}

absl::StatusOr<std::vector<SentRollout>> Worker::MakeRollouts(
    const StepCommand& command, const api::SampleBatchResponse& batch) const {
  std::vector<SentRollout> rollouts;
  uint64_t number = 0;
  for (const api::SampledPrompt& prompt : batch.prompts()) {
    const absl::StatusOr<double> pass_rate =
        source_->PassRate(prompt.prompt_id(), command.rollouts);
    if (!pass_rate.ok()) return pass_rate.status();
    for (uint32_t i = 0; i < batch.group_size(); ++i, ++number) {
      if (options_.split == Split::kRollouts &&
          number % options_.worker_count != options_.index) {
        continue;
      }
      SentRollout rollout = {prompt.prompt_id(), i, std::nullopt};
      if (!RolloutFails(command.rollouts, rollout.prompt_id, i,
                        options_.failed_share)) {
        rollout.reward =
            RolloutSucceeds(command.rollouts, rollout.prompt_id, i, *pass_rate)
                ? 1.0
                : 0.0;
      }
      rollouts.push_back(std::move(rollout));
    }
  }
  KeyedShuffle(MixKey({kOrderStream, command.rollouts.seed,
                       command.rollouts.step, options_.index}),
               rollouts);
  return rollouts;
}

absl::Status Worker::Report(const SentReport& report, ReportAnswer& answer) {
  uint64_t number = 0;
  if (log_ != nullptr) {
    const absl::StatusOr<uint64_t> logged = log_->Sent(report);
    if (!logged.ok()) return logged.status();
    number = *logged;
  }
  const auto response = client_->ReportRewards(ToRequest(report));
  if (!response.ok()) {
    if (log_ != nullptr) {
      log_->Refused(number, response.status()).IgnoreError();
    }
    return response.status();
  }
  answer = {response->accepted_count(), response->failed_count(),
            response->duplicate_count()};
  return log_ != nullptr ? log_->Answered(number, answer) : absl::OkStatus();
}

absl::StatusOr<StepAnswer> Worker::RunStep(const StepCommand& command) {
  api::SampleBatchRequest request;
  request.set_run(client::RunName(command.run_id));
  request.set_batch_size(command.batch_size);
  request.set_request_id(command.request_id);
  if (options_.split == Split::kGroups) {
    request.mutable_shard()->set_index(options_.index);
    request.mutable_shard()->set_count(options_.worker_count);
  }
  const auto batch = client_->SampleBatch(request);
  if (!batch.ok()) return batch.status();
  absl::StatusOr<std::vector<SentRollout>> rollouts =
      MakeRollouts(command, *batch);
  if (!rollouts.ok()) return rollouts.status();
  ReportQueue queue(command.run_id, batch->batch_id(), *std::move(rollouts),
                    options_.rollouts_per_report);
  const auto send = [this, &queue] {
    SentReport report;
    while (queue.Next(report)) {
      ReportAnswer answer;
      absl::Status status = Report(report, answer);
      queue.Done(status, answer, report.rollouts.size());
    }
  };
  std::vector<std::thread> threads;
  for (uint32_t i = 1; i < options_.thread_count; ++i) {
    threads.emplace_back(send);
  }
  send();
  for (std::thread& thread : threads) thread.join();
  return queue.Result();
}

int RunWorker(const WorkerOptions& options) {
  const absl::StatusOr<std::unique_ptr<Worker>> worker =
      Worker::Create(options);
  if (!worker.ok()) {
    std::cerr << "worker " << options.index << ": " << worker.status() << "\n";
    return 1;
  }
  std::string line;
  while (std::getline(std::cin, line)) {
    const absl::StatusOr<StepCommand> command = ParseStepCommand(line);
    absl::StatusOr<StepAnswer> answer =
        command.ok() ? (*worker)->RunStep(*command) : command.status();
    if (!answer.ok()) {
      StepAnswer failed;
      failed.error = answer.status().ToString();
      answer = failed;
    }
    std::cout << ToLine(*answer) << std::endl;
  }
  return 0;
}

api::ReportRewardsRequest ToRequest(const SentReport& report) {
  api::ReportRewardsRequest request;
  request.set_run(client::RunName(report.run_id));
  api::BatchReport& batch = *request.add_reports();
  batch.set_batch_id(report.batch_id);
  std::map<std::string, api::GroupReport*> groups;
  for (const SentRollout& rollout : report.rollouts) {
    api::GroupReport*& group = groups[rollout.prompt_id];
    if (group == nullptr) {
      group = batch.add_groups();
      group->set_prompt_id(rollout.prompt_id);
    }
    if (rollout.reward.has_value()) {
      group->add_rewards(*rollout.reward);
      group->add_rollout_indexes(rollout.index);
    } else {
      group->add_failed_rollout_indexes(rollout.index);
    }
  }
  return request;
}

}  // namespace vade::load
