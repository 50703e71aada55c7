// LabelLists: for sets of labels, the prompts that have them, so that a filter
// that few prompts match costs no look at all the others. A list is made when
// it is first asked for and kept from then on; runs that never filter have
// none. Owned by a PromptTable; thread-compatible.
#ifndef VADE_SERVER_SAMPLING_LABEL_LISTS_H_
#define VADE_SERVER_SAMPLING_LABEL_LISTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace vade::sampling {

class PromptTable;

class LabelLists {
 public:
  // `prompts` owns this object.
  explicit LabelLists(const PromptTable& prompts) : prompts_(prompts) {}

  // What happened, after it did: a new set without prompts is `set`; prompt
  // `index` joined it; a prompt left it.
  void Created(uint32_t set);
  void Joined(uint32_t set, uint32_t index);
  void Left(uint32_t set);

  // The prompts of all of `sets`, ascending, absent ones never among them: a
  // function of the prompts' state, not of how it came about. The view holds
  // until the next call of any function here; `merged` is room for it.
  absl::Span<const uint32_t> Get(const std::vector<uint32_t>& sets,
                                 std::vector<uint32_t>& merged);

 private:
  struct List {
    bool kept = false;
    // Some of the prompts may have left.
    bool stale = false;
    // Prompts up to here ascend strictly; those behind it joined out of order,
    // and may be among the others too.
    size_t sorted = 0;
    std::vector<uint32_t> prompts;
  };

  // Makes the lists of `sets` and, since one look at all prompts is enough, of
  // every other set that is not a large part of them.
  void Make(const std::vector<uint32_t>& sets);
  void Clean(uint32_t set);

  const PromptTable& prompts_;
  bool in_use_ = false;
  std::vector<List> lists_;  // by number of the set
};

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_LABEL_LISTS_H_
