// What the trainer process and its rollout-worker processes say to each other:
// one JSON object a line, over the worker's stdin and stdout.
//
// Who takes what follows from the batch alone. The trainer names the step's
// request_id; every worker calls SampleBatch with it, so all get the same
// batch, and nothing but the step crosses the pipe.
//
// Pure functions; thread-safe.
#ifndef VADE_CLIENT_LOAD_WORKER_PROTOCOL_H_
#define VADE_CLIENT_LOAD_WORKER_PROTOCOL_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "client/load/rollout_source.h"

namespace vade::load {

struct StepCommand {
  std::string run_id;
  std::string request_id;
  uint32_t batch_size = 0;
  RolloutStep rollouts;
};

// What a worker did in a step; of several workers, the sums.
struct StepAnswer {
  std::string batch_id;
  uint64_t report_count = 0;
  uint64_t rollout_count = 0;
  uint64_t accepted_count = 0;
  uint64_t failed_count = 0;
  uint64_t duplicate_count = 0;
  // Empty: all reports were answered.
  std::string error;
};

std::string ToLine(const StepCommand& command);
std::string ToLine(const StepAnswer& answer);

// INVALID_ARGUMENT: not such a line.
absl::StatusOr<StepCommand> ParseStepCommand(const std::string& line);
absl::StatusOr<StepAnswer> ParseStepAnswer(const std::string& line);

}  // namespace vade::load

#endif  // VADE_CLIENT_LOAD_WORKER_PROTOCOL_H_
