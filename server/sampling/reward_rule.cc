#include "server/sampling/reward_rule.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "server/sampling/error.h"
#include "server/sampling/limits.h"

namespace vade::sampling {
namespace {

absl::Status CheckMagnitude(absl::string_view field, double value) {
  if (std::isfinite(value) && std::abs(value) <= kMaxRewardMagnitude) {
    return absl::OkStatus();
  }
  return InvalidField(field, absl::StrCat(value),
                      absl::StrCat("must be finite and of magnitude at most ",
                                   kMaxRewardMagnitude));
}

}  // namespace

std::string DescribeRule(const storage::RewardRule& rule) {
  return absl::StrCat("a reward must be in [", rule.min, ", ", rule.max, "]");
}

absl::Status ValidateRule(const storage::RewardRule& rule) {
  if (rule.kind == storage::RewardRuleKind::kThreshold) {
    return CheckMagnitude("reward_rule.threshold.threshold", rule.threshold);
  }
  if (absl::Status s = CheckMagnitude("reward_rule.range.min", rule.min);
      !s.ok()) {
    return s;
  }
  if (absl::Status s = CheckMagnitude("reward_rule.range.max", rule.max);
      !s.ok()) {
    return s;
  }
  if (rule.min < rule.max) return absl::OkStatus();
  return InvalidField("reward_rule.range.max", absl::StrCat(rule.max),
                      absl::StrCat("must be above min, ", rule.min));
}

}  // namespace vade::sampling
