// A stand-in for a policy in training: a latent skill against each prompt's
// latent difficulty. It is SIMULATED; what it gains says how a sampler steers
// this model of learning and nothing about a real one.
// Immutable after construction; thread-safe.
#ifndef VADE_CLIENT_LOAD_SIMULATED_LEARNER_H_
#define VADE_CLIENT_LOAD_SIMULATED_LEARNER_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "client/load/rollout_source.h"

namespace vade::load {

// With these, 56 % of groups of 8 are zero-variance at skill 0 under uniform
// sampling, in the middle of what real runs report.
struct LearnerSettings {
  uint64_t seed = 1;
  // Difficulties are logistic with this centre and scale, in logits.
  double difficulty_centre = 1.0;
  double difficulty_scale = 2.5;
  // Skill, in logits, that one group with variance is worth.
  double skill_per_group = 2e-4;
};

class SimulatedLearner : public RolloutSource {
 public:
  explicit SimulatedLearner(const LearnerSettings& settings)
      : settings_(settings) {}

  // Of the prompt, in logits: fixed by the seed and the prompt's id.
  double Difficulty(const std::string& prompt_id) const;

  // 1 / (1 + exp(difficulty - skill)); never an error.
  absl::StatusOr<double> PassRate(const std::string& prompt_id,
                                  const RolloutStep& step) const override;

  // Skill after a step in which this many groups were not zero-variance.
  double SkillAfter(double skill, uint64_t effective_group_count) const;

 private:
  const LearnerSettings settings_;
};

}  // namespace vade::load

#endif  // VADE_CLIENT_LOAD_SIMULATED_LEARNER_H_
