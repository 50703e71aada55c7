// Policies: named ways to choose a batch, so that an ablation is one setting.
// A policy joins an estimator (evidence to pass rate), an objective (pass rate
// to worth) and a selector (which prompts of the estimated ones), and brings
// the decays it was published with.
//
//   vade           draw, p (1 - p)^2, top B                  0.2  0.999
//   vade-variance  draw, p (1 - p), top B                    0.2  0.999
//   greedy         posterior mean, p (1 - p)^2, top B        0.2  0.999
//   last-update    as vade, only the last group's evidence   0    0.999
//   uniform        shuffle without replacement               0.2  0.999
//   mopps          draw, nearest to a target of 0.5, top B   0.5  1
//
// The numbers are selected_decay and unselected_decay. The first four are
// VADE's and its ablations (arXiv 2511.18902); mopps is MoPPS (arXiv
// 2507.04632).
#ifndef VADE_SERVER_SAMPLING_POLICY_H_
#define VADE_SERVER_SAMPLING_POLICY_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/sampling/objective.h"
#include "server/sampling/selector.h"

namespace vade::sampling {

enum class EstimatorKind { kThompson, kMean };
enum class SelectorKind { kTop, kShuffle };

// A plain value. The defaults hold for runs that do not set their own.
struct Policy {
  std::string name;
  EstimatorKind estimator = EstimatorKind::kThompson;
  ObjectiveKind objective = ObjectiveKind::kInformationGain;
  SelectorKind selector = SelectorKind::kTop;
  double default_selected_decay = 0;
  double default_unselected_decay = 0;
  double default_target_pass_rate = 0.5;  // Only for kNearTarget.
};

// The policy of a run that names none.
inline constexpr char kDefaultPolicyName[] = "vade";

// INVALID_ARGUMENT, listing the known names, if there is no such policy.
absl::StatusOr<Policy> FindPolicy(const std::string& name);

// All names, in the order of the table above.
std::vector<std::string> PolicyNames();

// The selector that carries out `policy`. `target_pass_rate`, in [0, 1],
// matters to kNearTarget only. Never null.
std::unique_ptr<Selector> MakeSelector(const Policy& policy,
                                       double target_pass_rate);

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_POLICY_H_
