// Where the load tool's rewards come from: a simulated learner or a trace of a
// real run. Nothing here asks a model for an answer.
// Immutable after construction; thread-safe.
#ifndef VADE_CLIENT_LOAD_ROLLOUT_SOURCE_H_
#define VADE_CLIENT_LOAD_ROLLOUT_SOURCE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace vade::load {

// What the rollouts of one step depend on.
struct RolloutStep {
  // Outcomes of different seeds are independent.
  uint64_t seed = 0;
  uint64_t step = 0;
  // Of the simulated learner at this step; a trace does not use it.
  double skill = 0;
};

class RolloutSource {
 public:
  virtual ~RolloutSource() = default;

  // Probability in [0, 1] that a rollout of the prompt succeeds at this step.
  // NOT_FOUND: the source does not know the prompt.
  virtual absl::StatusOr<double> PassRate(const std::string& prompt_id,
                                          const RolloutStep& step) const = 0;
};

// Whether the rollout succeeds: true with probability `pass_rate`, by a number
// keyed by seed, step, prompt and rollout.
bool RolloutSucceeds(const RolloutStep& step, const std::string& prompt_id,
                     uint32_t rollout, double pass_rate);

// Whether the rollout breaks off without a reward: true with probability
// `failed_share`, independent of its success.
bool RolloutFails(const RolloutStep& step, const std::string& prompt_id,
                  uint32_t rollout, double failed_share);

}  // namespace vade::load

#endif  // VADE_CLIENT_LOAD_ROLLOUT_SOURCE_H_
