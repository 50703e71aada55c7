// PromptIds: the ids of a run's prompts, by index and back. Ids lie one after
// another in blocks, in groups of neighbours: a byte or two of length each, and
// one pointer a group. The way back is a hash set of indexes. Owned by a
// PromptTable; thread-compatible.
#ifndef VADE_SERVER_SAMPLING_PROMPT_IDS_H_
#define VADE_SERVER_SAMPLING_PROMPT_IDS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace vade::sampling {

class PromptIds {
 public:
  PromptIds();
  PromptIds(const PromptIds&) = delete;
  PromptIds& operator=(const PromptIds&) = delete;

  // Makes room for `prompts` to be found, so that the set is not copied as it
  // grows.
  void Reserve(uint32_t prompts) { by_id_.reserve(prompts); }

  // Gives the next index an id of up to kMaxPromptIdBytes; empty: none. It is
  // not found until it is listed.
  void Append(absl::string_view id);
  uint32_t size() const { return size_; }

  // The id of a prompt; empty if it has none. Holds as long as this object.
  absl::string_view Get(uint32_t index) const;

  // Hints that Get(index) is wanted soon; the second once the first, which is
  // for what the second needs, has come.
  void PrefetchPlace(uint32_t index) const;
  void PrefetchId(uint32_t index) const;

  // The prompt listed under this id.
  std::optional<uint32_t> Find(absl::string_view id) const;
  // Lets Find find the prompt; false if another one is listed under its id.
  bool List(uint32_t index) { return by_id_.insert(index).second; }
  // Lists many, several at a time, since each waits for memory. The first
  // whose id is listed already, if any.
  std::optional<uint32_t> List(absl::Span<const uint32_t> prompts);
  void Unlist(uint32_t index) { by_id_.erase(index); }

 private:
  // The set holds indexes only; these look the ids up.
  struct IdHash {
    using is_transparent = void;
    const PromptIds* ids;
    size_t operator()(absl::string_view id) const;
    size_t operator()(uint32_t index) const;
  };
  struct IdEqual {
    using is_transparent = void;
    const PromptIds* ids;
    bool operator()(uint32_t a, uint32_t b) const;
    bool operator()(uint32_t a, absl::string_view b) const;
    bool operator()(absl::string_view a, uint32_t b) const;
  };

  uint32_t size_ = 0;
  std::vector<std::unique_ptr<char[]>> blocks_;
  size_t block_used_ = 0;
  std::vector<const char*> groups_;  // the first id of each
  absl::flat_hash_set<uint32_t, IdHash, IdEqual> by_id_;
};

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_PROMPT_IDS_H_
