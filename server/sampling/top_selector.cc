#include "server/sampling/top_selector.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

#include "server/sampling/random.h"

namespace vade::sampling {
namespace {

struct Candidate {
  double deficit;
  uint64_t tie_break;
  uint32_t prompt;
  double estimate;
};

bool IsBetter(const Candidate& a, const Candidate& b) {
  return std::tie(a.deficit, a.tie_break, a.prompt) <
         std::tie(b.deficit, b.tie_break, b.prompt);
}

// Keeps the best `limit` of the candidates offered, the worst of them on top
// of a heap, so that nearly all others cost one comparison.
class BestCandidates {
 public:
  explicit BestCandidates(size_t limit) : limit_(limit) {
    heap_.reserve(limit);
  }

  // Whether a candidate of this deficit may be among the best so far.
  bool MayEnter(double deficit) const {
    return heap_.size() < limit_ || deficit <= heap_.front().deficit;
  }

  void Offer(const Candidate& candidate) {
    if (heap_.size() == limit_) {
      if (!IsBetter(candidate, heap_.front())) return;
      std::pop_heap(heap_.begin(), heap_.end(), IsBetter);
      heap_.back() = candidate;
    } else {
      heap_.push_back(candidate);
    }
    std::push_heap(heap_.begin(), heap_.end(), IsBetter);
  }

  std::vector<Candidate> TakeSorted() {
    std::sort(heap_.begin(), heap_.end(), IsBetter);
    return std::move(heap_);
  }

 private:
  const size_t limit_;
  std::vector<Candidate> heap_;
};

}  // namespace

TopSelector::TopSelector(std::unique_ptr<const Estimator> estimator,
                         Objective objective)
    : estimator_(std::move(estimator)), objective_(objective) {}

Selection TopSelector::Select(const SelectionInput& input) const {
  Selection selection;
  selection.current_pass = input.current_pass;
  const size_t count = static_cast<size_t>(
      std::min<uint64_t>(input.count, input.eligible_count));
  if (count == 0) return selection;

  BestCandidates best(count);
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
      if (!best.MayEnter(deficit)) continue;
      best.Offer({deficit, TieBreak(input.seed, input.sequence, prompts[i]),
                  prompts[i], estimates[i]});
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
