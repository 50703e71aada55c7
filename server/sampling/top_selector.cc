#include "server/sampling/top_selector.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "server/sampling/best_candidates.h"

namespace vade::sampling {
TopSelector::TopSelector(std::unique_ptr<const Estimator> estimator,
                         Objective objective)
    : estimator_(std::move(estimator)), objective_(objective) {}

Selection TopSelector::Select(const SelectionInput& input) const {
  Selection selection;
  selection.current_pass = input.current_pass;
  const size_t count = static_cast<size_t>(
      std::min<uint64_t>(input.count, input.eligible_count));
  if (count == 0) return selection;

  BestCandidates best(count, {input.seed, input.sequence});
  std::array<Evidence, kEligibleChunk> evidence;
  std::array<double, kEligibleChunk> estimates;
  ForEachEligible(input, [&](absl::Span<const uint32_t> prompts) {
    for (size_t i = 0; i < prompts.size(); ++i) {
      evidence[i] = input.EvidenceOf(prompts[i]);
    }
    estimator_->Estimate(prompts,
                         absl::MakeConstSpan(evidence.data(), prompts.size()),
                         input.seed, input.sequence,
                         absl::MakeSpan(estimates.data(), prompts.size()));
    for (size_t i = 0; i < prompts.size(); ++i) {
      const double deficit = objective_.Deficit(estimates[i]);
      best.Offer({deficit, estimates[i], prompts[i]});
    }
  });

  selection.picks.reserve(count);
  for (const Candidate& candidate : best.TakeSorted()) {
    selection.picks.push_back({candidate.prompt, candidate.estimate,
                               objective_.Score(candidate.estimate), 0});
  }
  return selection;
}

}  // namespace vade::sampling
