// PromptTable: the prompts of a run, by index and by id. An index is given
// once and never again; a deleted prompt leaves an absent slot, or, while a
// remembered batch still names it, a tombstone. Owned by a Run;
// thread-compatible.
#ifndef VADE_SERVER_SAMPLING_PROMPT_TABLE_H_
#define VADE_SERVER_SAMPLING_PROMPT_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "server/sampling/label_sets.h"
#include "server/sampling/population.h"
#include "storage/types.h"

namespace vade::sampling {

class PromptTable {
 public:
  struct Slot {
    storage::PromptState state;      // but for what the population holds
    const char* id_bytes = nullptr;  // in the table's arena
    uint32_t label_set = 0;
    uint32_t payload_bytes = 0;
    uint16_t id_size = 0;
    bool present = false;  // false: no such prompt any more
    bool enabled = true;
    bool in_flight = false;
    bool dirty = false;  // state differs from the last mutation taken

    absl::string_view id() const { return {id_bytes, id_size}; }
  };

  PromptTable();
  PromptTable(const PromptTable&) = delete;
  PromptTable& operator=(const PromptTable&) = delete;

  // One above the highest index, absent slots included.
  uint32_t size() const { return static_cast<uint32_t>(slots_.size()); }
  const Slot& operator[](uint32_t index) const { return slots_[index]; }
  // What selectors see of the prompts.
  const Population& population() const { return population_; }
  storage::PromptState State(uint32_t index) const;
  void SetState(uint32_t index, const storage::PromptState& state);
  void SetFree(uint32_t index, bool free) { population_.SetFree(index, free); }
  const LabelSets& label_sets() const { return label_sets_; }
  const Labels& labels(uint32_t index) const {
    return label_sets_.Get(slots_[index].label_set);
  }

  // The index of the prompt with this id.
  std::optional<uint32_t> Find(absl::string_view id) const;

  // Adds a prompt at the next index. The id must be new.
  uint32_t Add(const storage::PromptInfo& info);
  // Adds absent slots up to `size`, for prompts deleted in an earlier life.
  void Skip(uint32_t size);
  // Labels, enabled and payload size; not the id.
  void SetInfo(uint32_t index, const storage::PromptInfo& info);
  // The prompt is gone; its id stays known as a tombstone.
  void Bury(uint32_t index);
  void SetInFlight(uint32_t index, bool in_flight);
  // True if it was clean.
  bool MarkDirty(uint32_t index);
  void MarkClean(uint32_t index) { slots_[index].dirty = false; }

  storage::PromptInfo Info(uint32_t index) const;

  uint64_t count() const { return count_; }
  uint64_t disabled() const { return disabled_; }
  uint64_t in_flight() const { return in_flight_; }

 private:
  // The set of ids holds indexes only; these look the ids up in the slots.
  struct IdHash {
    using is_transparent = void;
    const std::deque<Slot>* slots;
    size_t operator()(absl::string_view id) const;
    size_t operator()(uint32_t index) const;
  };
  struct IdEqual {
    using is_transparent = void;
    const std::deque<Slot>* slots;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t a, absl::string_view b) const;
    bool operator()(absl::string_view a, uint32_t b) const;
  };

  const char* Keep(absl::string_view id);

  Population population_;
  std::deque<Slot> slots_;  // a deque never holds twice its contents
  LabelSets label_sets_;
  absl::flat_hash_set<uint32_t, IdHash, IdEqual> by_id_;
  // Ids one after another, in blocks.
  std::vector<std::unique_ptr<char[]>> blocks_;
  size_t block_used_ = 0;
  uint64_t count_ = 0;
  uint64_t disabled_ = 0;
  uint64_t in_flight_ = 0;
};

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_PROMPT_TABLE_H_
