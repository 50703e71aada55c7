// BestCandidates: the best few of many prompts offered one by one. Owned by a
// selection; thread-compatible.
#ifndef VADE_SERVER_SAMPLING_BEST_CANDIDATES_H_
#define VADE_SERVER_SAMPLING_BEST_CANDIDATES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

namespace vade::sampling {

struct Candidate {
  double deficit = 0;
  uint64_t tie_break = 0;  // Of equal deficits the lower comes first,
  uint32_t prompt = 0;     // of equal keys the lower index.
  double estimate = 0;

  friend bool operator<(const Candidate& a, const Candidate& b) {
    return std::tie(a.deficit, a.tie_break, a.prompt) <
           std::tie(b.deficit, b.tie_break, b.prompt);
  }
};

// Keeps the best `limit`, at least 1, of the candidates offered, the worst of
// them on top of a heap, so that nearly all others cost one comparison.
class BestCandidates {
 public:
  explicit BestCandidates(size_t limit) : limit_(limit) {
    heap_.reserve(limit);
  }

  bool full() const { return heap_.size() == limit_; }
  // The deficit of the worst kept. Needs one.
  double worst_deficit() const { return heap_.front().deficit; }
  // Whether a candidate of this deficit may be among the best so far.
  bool MayEnter(double deficit) const {
    return !full() || deficit <= worst_deficit();
  }

  void Offer(const Candidate& candidate) {
    if (full()) {
      if (!(candidate < heap_.front())) return;
      std::pop_heap(heap_.begin(), heap_.end());
      heap_.back() = candidate;
    } else {
      heap_.push_back(candidate);
    }
    std::push_heap(heap_.begin(), heap_.end());
  }

  // Best first; leaves none.
  std::vector<Candidate> TakeSorted() {
    std::sort_heap(heap_.begin(), heap_.end());
    return std::move(heap_);
  }

 private:
  const size_t limit_;
  std::vector<Candidate> heap_;
};

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_BEST_CANDIDATES_H_
