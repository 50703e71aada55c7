// Selector: which of the eligible prompts make up the next batch. The third of
// a policy's three parts (policy.h).
//
// Implementations are immutable and thread-safe. A selection depends on its
// input only: never on time, the CPU, the number of threads or earlier calls.
#ifndef VADE_SERVER_SAMPLING_SELECTOR_H_
#define VADE_SERVER_SAMPLING_SELECTOR_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "server/sampling/population.h"
#include "server/sampling/posterior.h"
#include "server/sampling/random.h"

namespace vade::sampling {

struct SelectionInput {
  // The prompts of the run. Never null.
  const Population* population = nullptr;
  // If set: choose among these prompts only. Strictly ascending; may hold
  // prompts that are not eligible.
  std::optional<absl::Span<const uint32_t>> list;
  // By number of a set of labels: whether its prompts match the filter. Null:
  // prompts of any set do.
  const std::vector<bool>* matching_sets = nullptr;
  // Exactly how many prompts are eligible, within `list` if that is set.
  uint64_t eligible_count = 0;
  // The run's clock, to which evidence is faded, and by what (posterior.h).
  double clock = 0;
  double unselected_decay = 1;
  // No prompt's stored alpha + beta is above this.
  double max_evidence = 0;
  // How many prompts are wanted. More than are eligible gives all of them.
  uint32_t count = 0;
  // The run's seed and the batch's sequence number.
  uint64_t seed = 0;
  uint64_t sequence = 0;
  // The pass the run is in; the first is 1. Only the shuffle looks at it.
  uint32_t current_pass = 1;

  // Prompts among which the eligible ones are: all, or those of the list.
  uint64_t domain() const {
    return list.has_value() ? list->size() : population->size();
  }
  // One of them, as likely as any other, named by 64 random bits.
  uint32_t PromptNamed(uint64_t bits) const {
    const uint64_t place = RandomPlace(bits, domain());
    return list.has_value() ? (*list)[place] : static_cast<uint32_t>(place);
  }
  // Whether prompt `index` may be dealt, being in `list` if that is set.
  bool IsEligible(uint32_t index) const {
    return population->free(index) &&
           (matching_sets == nullptr ||
            (*matching_sets)[population->label_set(index)]);
  }
  // The evidence of prompt `index`, faded to `clock`.
  Evidence EvidenceOf(uint32_t index) const {
    const HotState& hot = population->hot(index);
    return Fade({hot.alpha, hot.beta}, hot.clock, clock, unselected_decay);
  }
};

struct Pick {
  uint32_t prompt = 0;  // Index in the run.
  double estimate = 0;  // The pass rate it was ranked by, in [0, 1].
  double score = 0;     // The objective at that pass rate, in [0, 1].
  uint32_t pass = 0;    // The pass in which it is dealt; 0 if not shuffled.

  friend bool operator==(const Pick&, const Pick&) = default;
};

struct Selection {
  // Best first, no prompt twice, min(count, eligible_count) of them.
  std::vector<Pick> picks;
  // The pass the run is in now: the input's, unless the shuffle began another.
  uint32_t current_pass = 1;
};

class Selector {
 public:
  virtual ~Selector() = default;

  // Cannot fail. What `input` refers to needs to live for the call only.
  virtual Selection Select(const SelectionInput& input) const = 0;
};

// The most prompts that ForEachEligible shows at a time: enough to make a
// call's cost vanish, few enough to stay in the first-level cache.
inline constexpr uint32_t kEligibleChunk = 256;

// Shows every eligible prompt of `input` to `visit`, in ascending order, in
// chunks of 1 to kEligibleChunk, in time O(list) or O(population).
void ForEachEligible(
    const SelectionInput& input,
    absl::FunctionRef<void(absl::Span<const uint32_t> prompts)> visit);

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_SELECTOR_H_
