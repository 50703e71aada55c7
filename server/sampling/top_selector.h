// TopSelector: the obvious way to choose a batch. It estimates every eligible
// prompt and keeps the best, in O(N) time and O(B) memory. Any quicker selector
// is checked against it.
#ifndef VADE_SERVER_SAMPLING_TOP_SELECTOR_H_
#define VADE_SERVER_SAMPLING_TOP_SELECTOR_H_

#include <memory>

#include "server/sampling/estimator.h"
#include "server/sampling/objective.h"
#include "server/sampling/selector.h"

namespace vade::sampling {

// Immutable, thread-safe.
class TopSelector final : public Selector {
 public:
  // `estimator` is not null.
  TopSelector(std::unique_ptr<const Estimator> estimator, Objective objective);

  // The `count` prompts of the lowest deficit at their estimate. Of equal
  // deficits the lower TieBreak() key comes first, of equal keys the lower
  // index.
  Selection Select(const SelectionInput& input) const override;

 private:
  const std::unique_ptr<const Estimator> estimator_;
  const Objective objective_;
};

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_TOP_SELECTOR_H_
