// Reward rules: how the reward that a rollout earned becomes a success in
// [0, 1]. Pure functions; thread-safe.
#ifndef VADE_SERVER_SAMPLING_REWARD_RULE_H_
#define VADE_SERVER_SAMPLING_REWARD_RULE_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "storage/types.h"

namespace vade::sampling {

// The success of `reward`; nullopt if it is NaN, infinite or outside the rule.
std::optional<double> SuccessOf(const storage::RewardRule& rule, double reward);

// "in [0, 1]": what rewards the rule takes, for error messages.
std::string DescribeRule(const storage::RewardRule& rule);

// INVALID_ARGUMENT (INVALID_FIELD), naming the field of the proto.
absl::Status ValidateRule(const storage::RewardRule& rule);

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_REWARD_RULE_H_
