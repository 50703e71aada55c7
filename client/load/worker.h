// A rollout worker: takes its part of each step's batch, makes up the rollouts
// (no model is asked), reports them in shuffled order over several threads,
// and logs what it sent and what was answered.
#ifndef VADE_CLIENT_LOAD_WORKER_H_
#define VADE_CLIENT_LOAD_WORKER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "client/load/report_log.h"
#include "client/load/rollout_source.h"
#include "client/load/worker_protocol.h"

namespace vade::load {

// How the rollouts of a batch are dealt to the workers.
enum class Split {
  // Whole groups: worker w takes shard w of the batch.
  kGroups,
  // Single rollouts: of a group's rollouts every worker makes some, so that
  // the server has to put the groups together.
  kRollouts,
};

struct WorkerOptions {
  std::string address;
  uint32_t index = 0;
  uint32_t worker_count = 1;
  // Calls in flight at once.
  uint32_t thread_count = 4;
  uint32_t rollouts_per_report = 8;
  Split split = Split::kGroups;
  // Share of rollouts that break off, reported as failed.
  double failed_share = 0;
  // Empty: outcomes come from the simulated learner of this seed.
  std::string trace_path;
  uint64_t learner_seed = 1;
  // Empty: no log.
  std::string log_path;
  // How long one report or sample call is repeated before it is given up:
  // longer than a server takes to come back.
  absl::Duration call_timeout = absl::Seconds(60);
};

// Thread-compatible.
class Worker {
 public:
  // NOT_FOUND, INVALID_ARGUMENT: the trace; UNAVAILABLE: the log.
  static absl::StatusOr<std::unique_ptr<Worker>> Create(
      const WorkerOptions& options);

  // Takes this worker's part of the batch and reports all of it. The first
  // error ends the step; reports sent before it stay.
  absl::StatusOr<StepAnswer> RunStep(const StepCommand& command);

 private:
  explicit Worker(const WorkerOptions& options) : options_(options) {}

  absl::StatusOr<std::vector<SentRollout>> MakeRollouts(
      const StepCommand& command,
      const client::api::SampleBatchResponse& batch) const;
  absl::Status Report(const SentReport& report, ReportAnswer& answer);

  const WorkerOptions options_;
  std::unique_ptr<RolloutSource> source_;
  std::unique_ptr<client::Client> client_;
  // Null: no log.
  std::unique_ptr<ReportLogWriter> log_;
};

// The worker program: reads commands from stdin until its end, answers each on
// stdout. Returns the exit code.
int RunWorker(const WorkerOptions& options);

// The request for these rollouts of one batch: one group report a prompt.
client::api::ReportRewardsRequest ToRequest(const SentReport& report);

}  // namespace vade::load

#endif  // VADE_CLIENT_LOAD_WORKER_H_
