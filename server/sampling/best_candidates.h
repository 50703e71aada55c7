// BestCandidates: the best few of many prompts offered one by one. Owned by a
// selection; thread-compatible.
#ifndef VADE_SERVER_SAMPLING_BEST_CANDIDATES_H_
#define VADE_SERVER_SAMPLING_BEST_CANDIDATES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "server/sampling/random.h"

namespace vade::sampling {

struct Candidate {
  double deficit = 0;
  double estimate = 0;
  uint32_t prompt = 0;
};

// Best first. Of equal deficits the lower TieBreak() key comes first, of equal
// keys the lower index.
struct BetterCandidate {
  uint64_t seed = 0;  // of TieBreak()
  uint64_t sequence = 0;

  bool operator()(const Candidate& a, const Candidate& b) const {
    if (a.deficit != b.deficit) return a.deficit < b.deficit;
    const uint64_t key_a = TieBreak(seed, sequence, a.prompt);
    const uint64_t key_b = TieBreak(seed, sequence, b.prompt);
    return key_a != key_b ? key_a < key_b : a.prompt < b.prompt;
  }
};

// Keeps the best `limit`, at least 1, of the candidates offered.
//
// They are not kept in order: what is offered is put down, and when half as
// many again have come as are kept, the worst third goes. So a candidate costs
// a constant, and most cost one comparison.
class BestCandidates {
 public:
  // Candidates of a deficit above `bound` are none.
  BestCandidates(size_t limit, const BetterCandidate& order,
                 double bound = std::numeric_limits<double>::infinity())
      : limit_(limit),
        capacity_(limit + (limit + 1) / 2),
        order_(order),
        worst_{bound, 0, std::numeric_limits<uint32_t>::max()} {
    candidates_.reserve(capacity_);
  }

  // A candidate of a deficit above this is not among the best: so many are
  // better, or the constructor ruled it out. Never grows.
  double bound() const { return worst_.deficit; }

  void Offer(const Candidate& candidate) {
    if (candidate.deficit > worst_.deficit) return;
    if (candidate.deficit == worst_.deficit && !order_(candidate, worst_)) {
      return;
    }
    candidates_.push_back(candidate);
    if (candidates_.size() == capacity_) {
      DropWorst();
    } else if (candidates_.size() == limit_) {
      worst_ =
          *std::max_element(candidates_.begin(), candidates_.end(), order_);
    }
  }

  // Best first; leaves none.
  std::vector<Candidate> TakeSorted() {
    if (candidates_.size() > limit_) DropWorst();
    std::sort(candidates_.begin(), candidates_.end(), order_);
    return std::move(candidates_);
  }

 private:
  void DropWorst() {
    std::nth_element(candidates_.begin(), candidates_.begin() + (limit_ - 1),
                     candidates_.end(), order_);
    candidates_.resize(limit_);
    worst_ = candidates_.back();
  }

  const size_t limit_;
  const size_t capacity_;
  const BetterCandidate order_;
  // Of the first `limit`, or of those that were kept since.
  Candidate worst_;
  std::vector<Candidate> candidates_;
};

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_BEST_CANDIDATES_H_
