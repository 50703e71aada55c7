// Selector: which of the eligible prompts make up the next batch. The third of
// a policy's three parts (policy.h).
//
// Implementations are immutable and thread-safe. A selection depends on its
// input only: never on time, the CPU, the number of threads or earlier calls.
#ifndef VADE_SERVER_SAMPLING_SELECTOR_H_
#define VADE_SERVER_SAMPLING_SELECTOR_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "server/sampling/posterior.h"

namespace vade::sampling {

struct SelectionInput {
  // Indices in the run of the prompts to choose from, strictly ascending.
  absl::Span<const uint32_t> eligible;
  // Their evidence, faded to now. Same length.
  absl::Span<const Evidence> evidence;
  // The pass in which each was last dealt, 0 for never. Same length, or empty
  // for "none was ever dealt"; only the shuffle looks at it.
  absl::Span<const uint32_t> passes;
  // How many prompts are wanted. More than are eligible gives all of them.
  uint32_t count = 0;
  // The run's seed and the batch's sequence number.
  uint64_t seed = 0;
  uint64_t sequence = 0;
  // The pass the run is in; the first is 1. Only the shuffle looks at it.
  uint32_t current_pass = 1;
};

struct Pick {
  uint32_t position = 0;  // Into SelectionInput::eligible.
  double estimate = 0;    // The pass rate it was ranked by, in [0, 1].
  double score = 0;       // The objective at that pass rate, in [0, 1].
  uint32_t pass = 0;      // The pass in which it is dealt; 0 if not shuffled.

  friend bool operator==(const Pick&, const Pick&) = default;
};

struct Selection {
  // Best first, no prompt twice, min(count, eligible.size()) of them.
  std::vector<Pick> picks;
  // The pass the run is in now: the input's, unless the shuffle began another.
  uint32_t current_pass = 1;
};

class Selector {
 public:
  virtual ~Selector() = default;

  // Cannot fail. `input`'s spans need to live for the call only.
  virtual Selection Select(const SelectionInput& input) const = 0;
};

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_SELECTOR_H_
