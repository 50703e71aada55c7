// SweepSelector: the batch of a Thompson draw at a cost that does not grow with
// the number of prompts. Its batches are distributed exactly as TopSelector's
// with a ThompsonEstimator, though other random numbers make them. It sweeps
// (sweep.h) while that pays and scans (scan.h) for the rest; which of the two
// depends on the input only.
#ifndef VADE_SERVER_SAMPLING_SWEEP_SELECTOR_H_
#define VADE_SERVER_SAMPLING_SWEEP_SELECTOR_H_

#include "server/sampling/kernels.h"
#include "server/sampling/objective.h"
#include "server/sampling/selector.h"
#include "server/sampling/sweep_stages.h"

namespace vade::sampling {

// Thread-safe.
class SweepSelector final : public Selector {
 public:
  // `kernels` makes no difference but to speed.
  explicit SweepSelector(Objective objective,
                         const Kernels& kernels = BestKernels());

  // The `count` prompts of the lowest deficit of a draw each. Takes time
  // O(count) where posteriors reach the mode and prompts are many, else
  // O(prompts).
  Selection Select(const SelectionInput& input) const override;

 private:
  const Objective objective_;
  const Kernels& kernels_;
  const SweepStages stages_;
};

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_SWEEP_SELECTOR_H_
