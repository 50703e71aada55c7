#include "client/load/rollout_source.h"

#include "client/load/keyed_random.h"

namespace vade::load {
namespace {

// Keeps the streams of different questions apart.
constexpr uint64_t kSuccessStream = 1;
constexpr uint64_t kFailureStream = 2;

double RolloutUniform(uint64_t stream, const RolloutStep& step,
                      const std::string& prompt_id, uint32_t rollout) {
  return UnitUniform(
      MixKey({stream, step.seed, step.step, HashText(prompt_id), rollout}));
}

}  // namespace

bool RolloutSucceeds(const RolloutStep& step, const std::string& prompt_id,
                     uint32_t rollout, double pass_rate) {
  return RolloutUniform(kSuccessStream, step, prompt_id, rollout) < pass_rate;
}

bool RolloutFails(const RolloutStep& step, const std::string& prompt_id,
                  uint32_t rollout, double failed_share) {
  return RolloutUniform(kFailureStream, step, prompt_id, rollout) <
         failed_share;
}

}  // namespace vade::load
