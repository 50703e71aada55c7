// ForgottenBatches: the forgotten batches that the store has one record of
// states for, see StoredStates: which prompts are in it, and how many of them
// no later batch dealt. A record that is half out of date is due to be written
// anew, with what is left of it, so that a store never has more than twice as
// many such states as there are prompts. Owned by a Run; thread-compatible.
#ifndef VADE_SERVER_SAMPLING_FORGOTTEN_BATCHES_H_
#define VADE_SERVER_SAMPLING_FORGOTTEN_BATCHES_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"

namespace vade::sampling {

class ForgottenBatches {
 public:
  struct States {
    std::vector<uint32_t> prompts;  // those in the record
    uint32_t newest = 0;  // of them, how many this batch was the last to deal
  };

  // Batch `sequence` is forgotten, and was the last to deal all of `prompts`.
  // Its record is to be written.
  void Add(uint64_t sequence, std::vector<uint32_t> prompts);
  // While a run is loaded: the record of `sequence` has `prompts`. Once all is
  // loaded, Count: `newest` says how many of a record's prompts its batch was
  // the last to deal.
  void Load(uint64_t sequence, std::vector<uint32_t> prompts);
  void Count(absl::FunctionRef<uint32_t(uint64_t sequence,
                                        const std::vector<uint32_t>& prompts)>
                 newest);
  // A prompt that batch `sequence` was the last to deal is dealt again, or
  // gone. Does nothing if that batch has no record.
  void Leave(uint64_t sequence);
  // Up to `count` of the records that are due are to be written anew.
  void Renew(size_t count);

  // The sequences of the records to be written, ascending; then there are none.
  std::vector<uint64_t> TakeChanged();
  const std::vector<uint32_t>& prompts(uint64_t sequence) const {
    return states_.at(sequence).prompts;
  }
  // What is in the record of `sequence` now: prompts that it was the last to
  // deal. None: there is no record any more.
  void Set(uint64_t sequence, std::vector<uint32_t> prompts);

  const absl::flat_hash_map<uint64_t, States>& all() const { return states_; }

 private:
  static bool IsDue(const States& states) {
    return states.newest * size_t{2} <= states.prompts.size();
  }

  absl::flat_hash_map<uint64_t, States> states_;
  // Sequences of those that are due, and of some that were.
  std::deque<uint64_t> due_;
  absl::btree_set<uint64_t> changed_;
};

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_FORGOTTEN_BATCHES_H_
