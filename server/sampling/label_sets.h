// LabelSets: every distinct set of labels of a run's prompts, stored once, with
// counts of its prompts. Most runs have a handful of sets for millions of
// prompts. Owned by a PromptTable; thread-compatible.
#ifndef VADE_SERVER_SAMPLING_LABEL_SETS_H_
#define VADE_SERVER_SAMPLING_LABEL_SETS_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/sampling/requests.h"

namespace vade::sampling {

// How many prompts there are, and how many of them cannot be dealt now. Each
// counts once, for the first reason of: disabled, in flight, cooling down.
struct PromptCounts {
  uint64_t present = 0;
  uint64_t disabled = 0;
  uint64_t in_flight = 0;
  uint64_t cooling_down = 0;

  uint64_t enabled() const { return present - disabled; }
  uint64_t free() const { return enabled() - in_flight - cooling_down; }
  PromptCounts& operator+=(const PromptCounts& other);
  PromptCounts& operator-=(const PromptCounts& other);

  bool operator==(const PromptCounts&) const = default;
};

class LabelSets {
 public:
  // The number of the set, with one more use. `labels` is sorted by key.
  uint32_t Acquire(const Labels& labels);
  // One use less; the number of a set without uses may be given again.
  void Release(uint32_t set);

  const Labels& Get(uint32_t set) const { return sets_[set].labels; }
  // Kept by the owner.
  PromptCounts& counts(uint32_t set) { return sets_[set].counts; }
  const PromptCounts& counts(uint32_t set) const { return sets_[set].counts; }
  // For each number: whether prompts with that set match the filter.
  std::vector<bool> Match(const LabelFilter& filter) const;
  // Numbers are below this.
  uint32_t size() const { return static_cast<uint32_t>(sets_.size()); }

 private:
  struct Set {
    Labels labels;
    uint64_t uses = 0;
    PromptCounts counts;
  };
  std::vector<Set> sets_;
  std::vector<uint32_t> free_;
  absl::flat_hash_map<Labels, uint32_t> numbers_;
};

// Whether prompts with these labels match the filter.
bool Matches(const Labels& labels, const LabelFilter& filter);

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_LABEL_SETS_H_
