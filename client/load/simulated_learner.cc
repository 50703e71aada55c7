#include "client/load/simulated_learner.h"

#include <cmath>

#include "client/load/keyed_random.h"

namespace vade::load {
namespace {

constexpr uint64_t kDifficultyStream = 3;

}  // namespace

double SimulatedLearner::Difficulty(const std::string& prompt_id) const {
  const double u = UnitUniform(
      MixKey({kDifficultyStream, settings_.seed, HashText(prompt_id)}));
  return settings_.difficulty_centre +
         settings_.difficulty_scale * std::log(u / (1 - u));
}

absl::StatusOr<double> SimulatedLearner::PassRate(
    const std::string& prompt_id, const RolloutStep& step) const {
  return 1 / (1 + std::exp(Difficulty(prompt_id) - step.skill));
}

double SimulatedLearner::SkillAfter(double skill,
                                    uint64_t effective_group_count) const {
  return skill +
         settings_.skill_per_group * static_cast<double>(effective_group_count);
}

}  // namespace vade::load
