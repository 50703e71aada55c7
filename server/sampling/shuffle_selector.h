// ShuffleSelector: deals prompts without regard to evidence, in passes. Each
// pass is a fresh shuffle of the run without replacement: the baseline that
// every other policy is compared with.
#ifndef VADE_SERVER_SAMPLING_SHUFFLE_SELECTOR_H_
#define VADE_SERVER_SAMPLING_SHUFFLE_SELECTOR_H_

#include <cstdint>

#include "server/sampling/objective.h"
#include "server/sampling/selector.h"

namespace vade::sampling {

// Immutable, thread-safe.
class ShuffleSelector final : public Selector {
 public:
  // `objective` only scores the picks, for people to read.
  explicit ShuffleSelector(Objective objective) : objective_(objective) {}

  // The next `count` prompts of the shuffle: those not yet dealt in the current
  // pass, by ascending ShuffleKey(). When a batch uses up the pass, the next
  // one begins within it and the rest comes from there, but no prompt is twice
  // in one batch. Picks are in the order dealt; their estimate is the
  // posterior mean.
  //
  // A prompt that is not eligible from here to the end of the pass misses it.
  // The caller stores each pick's pass and the selection's current pass.
  Selection Select(const SelectionInput& input) const override;

 private:
  const Objective objective_;
};

// The place of a prompt in pass `pass`: lower comes first, of equal keys the
// lower index.
uint64_t ShuffleKey(uint64_t seed, uint32_t pass, uint32_t prompt);

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_SHUFFLE_SELECTOR_H_
