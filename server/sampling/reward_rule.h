// Reward rules: how the reward that a rollout earned becomes a success in
// [0, 1]. Pure functions; thread-safe.
#ifndef VADE_SERVER_SAMPLING_REWARD_RULE_H_
#define VADE_SERVER_SAMPLING_REWARD_RULE_H_

#include <algorithm>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "storage/types.h"

namespace vade::sampling {

// The success of `reward`; nullopt if it is NaN, infinite or outside the rule.
inline std::optional<double> SuccessOf(const storage::RewardRule& rule,
                                       double reward) {
  // Written so that NaN is refused.
  if (!(reward >= rule.min && reward <= rule.max)) return std::nullopt;
  if (rule.kind == storage::RewardRuleKind::kThreshold) {
    return reward >= rule.threshold ? 1.0 : 0.0;
  }
  return std::clamp((reward - rule.min) / (rule.max - rule.min), 0.0, 1.0);
}

// "in [0, 1]": what rewards the rule takes, for error messages.
std::string DescribeRule(const storage::RewardRule& rule);

// INVALID_ARGUMENT (INVALID_FIELD), naming the field of the proto.
absl::Status ValidateRule(const storage::RewardRule& rule);

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_REWARD_RULE_H_
