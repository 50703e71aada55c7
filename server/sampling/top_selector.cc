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

// Prompts estimated at a time: enough to make a call's cost vanish, few enough
// to stay in the first-level cache.
constexpr size_t kChunk = 256;

struct Candidate {
  double deficit;
  uint64_t tie_break;
  uint32_t position;
  double estimate;
};

bool IsBetter(const Candidate& a, const Candidate& b) {
  return std::tie(a.deficit, a.tie_break, a.position) <
         std::tie(b.deficit, b.tie_break, b.position);
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
  const size_t size = input.eligible.size();
  const size_t count = std::min<size_t>(input.count, size);
  if (count == 0) return selection;

  BestCandidates best(count);
  std::array<double, kChunk> estimates;
  for (size_t begin = 0; begin < size; begin += kChunk) {
    const size_t length = std::min(kChunk, size - begin);
    estimator_->Estimate(input.eligible.subspan(begin, length),
                         input.evidence.subspan(begin, length), input.seed,
                         input.sequence,
                         absl::MakeSpan(estimates.data(), length));
    for (size_t i = 0; i < length; ++i) {
      const double deficit = objective_.Deficit(estimates[i]);
      if (!best.MayEnter(deficit)) continue;
      const uint32_t position = static_cast<uint32_t>(begin + i);
      best.Offer(
          {deficit,
           TieBreak(input.seed, input.sequence, input.eligible[position]),
           position, estimates[i]});
    }
  }

  selection.picks.reserve(count);
  for (const Candidate& candidate : best.TakeSorted()) {
    selection.picks.push_back({candidate.position, candidate.estimate,
                               objective_.Score(candidate.estimate), 0});
  }
  return selection;
}

}  // namespace vade::sampling
