#include "server/sampling/policy.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/sampling/estimator.h"
#include "server/sampling/shuffle_selector.h"
#include "server/sampling/sweep_selector.h"
#include "server/sampling/top_selector.h"

namespace vade::sampling {
namespace {

// Decays of the paper; a policy of its own departs from them where it says so.
constexpr double kSelectedDecay = 0.2;
constexpr double kUnselectedDecay = 0.999;
constexpr double kTargetPassRate = 0.5;

const std::vector<Policy>& AllPolicies() {
  static const std::vector<Policy> kPolicies = {
      {"vade", EstimatorKind::kThompson, ObjectiveKind::kInformationGain,
       SelectorKind::kTop, kSelectedDecay, kUnselectedDecay, kTargetPassRate},
      {"vade-variance", EstimatorKind::kThompson, ObjectiveKind::kVariance,
       SelectorKind::kTop, kSelectedDecay, kUnselectedDecay, kTargetPassRate},
      {"greedy", EstimatorKind::kMean, ObjectiveKind::kInformationGain,
       SelectorKind::kTop, kSelectedDecay, kUnselectedDecay, kTargetPassRate},
      {"last-update", EstimatorKind::kThompson, ObjectiveKind::kInformationGain,
       SelectorKind::kTop, 0.0, kUnselectedDecay, kTargetPassRate},
      {"uniform", EstimatorKind::kMean, ObjectiveKind::kInformationGain,
       SelectorKind::kShuffle, kSelectedDecay, kUnselectedDecay,
       kTargetPassRate},
      {"mopps", EstimatorKind::kThompson, ObjectiveKind::kNearTarget,
       SelectorKind::kTop, 0.5, 1.0, kTargetPassRate},
  };
  return kPolicies;
}

}  // namespace

absl::StatusOr<Policy> FindPolicy(const std::string& name) {
  for (const Policy& policy : AllPolicies()) {
    if (policy.name == name) return policy;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("policy is \"", name, "\"; it must be one of ",
                   absl::StrJoin(PolicyNames(), ", ")));
}

std::vector<std::string> PolicyNames() {
  std::vector<std::string> names;
  for (const Policy& policy : AllPolicies()) names.push_back(policy.name);
  return names;
}

std::unique_ptr<Selector> MakeSelector(const Policy& policy,
                                       double target_pass_rate) {
  const Objective objective(policy.objective, target_pass_rate);
  if (policy.selector == SelectorKind::kShuffle) {
    return std::make_unique<ShuffleSelector>(objective);
  }
  if (policy.estimator == EstimatorKind::kMean) {
    return std::make_unique<TopSelector>(std::make_unique<MeanEstimator>(),
                                         objective);
  }
  return std::make_unique<SweepSelector>(objective);
}

}  // namespace vade::sampling
