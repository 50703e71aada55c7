// PromptTable: the prompts of a run, by index and by id. An index is given
// once and never again; a deleted prompt leaves an absent index, or, while a
// remembered batch still names it, a tombstone. Owned by a Run;
// thread-compatible.
//
// Some 50 bytes a prompt and the id: what only prompts have that were dealt,
// labelled and so on is kept for those alone. And who is free to be dealt, by
// set of labels and in all, is kept up to date with every change, so that no
// call has to look at all prompts.
#ifndef VADE_SERVER_SAMPLING_PROMPT_TABLE_H_
#define VADE_SERVER_SAMPLING_PROMPT_TABLE_H_

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/sampling/label_lists.h"
#include "server/sampling/label_sets.h"
#include "server/sampling/lazy_column.h"
#include "server/sampling/limits.h"
#include "server/sampling/population.h"
#include "server/sampling/prompt_ids.h"
#include "storage/types.h"

namespace vade::sampling {

class PromptTable {
 public:
  PromptTable() : label_lists_(*this) {}
  PromptTable(const PromptTable&) = delete;
  PromptTable& operator=(const PromptTable&) = delete;

  // One above the highest index, absent ones included.
  uint32_t size() const { return population_.size(); }
  // What selectors see of the prompts.
  const Population& population() const { return population_; }

  // False: no such prompt any more.
  bool present(uint32_t index) const { return Has(index, kPresent); }
  bool enabled(uint32_t index) const { return Has(index, kEnabled); }
  bool in_flight(uint32_t index) const { return Has(index, kInFlight); }
  bool cooling_down(uint32_t index) const { return Has(index, kCoolingDown); }
  // Empty if there never was such a prompt, as far as is known.
  absl::string_view id(uint32_t index) const { return ids_.Get(index); }
  uint32_t payload_bytes(uint32_t index) const {
    return payload_bytes_.Get(index);
  }
  uint32_t label_set(uint32_t index) const {
    return population_.label_set(index);
  }
  const Labels& labels(uint32_t index) const {
    return label_sets_.Get(label_set(index));
  }
  const LabelSets& label_sets() const { return label_sets_; }
  storage::PromptInfo Info(uint32_t index) const;
  storage::PromptState State(uint32_t index) const;
  // dealt_sequence and dealt_position of the state.
  std::pair<uint64_t, uint32_t> LastDeal(uint32_t index) const;

  // A hint that all there is to know of these prompts is wanted soon: fetched
  // one after the other, most of the time would be waiting for memory.
  void Prefetch(absl::Span<const uint32_t> prompts) const;

  // The index of the prompt with this id.
  std::optional<uint32_t> Find(absl::string_view id) const {
    return ids_.Find(id);
  }

  // Prompts there are, those disabled, and those in flight, disabled or not.
  uint64_t count() const { return counts_.present; }
  uint64_t disabled() const { return counts_.disabled; }
  uint64_t in_flight() const { return in_flight_; }
  // All prompts; LabelSets has the same for each set of labels.
  const PromptCounts& counts() const { return counts_; }

  // The prompts with any of these sets of labels, ascending; see LabelLists.
  absl::Span<const uint32_t> WithLabels(const std::vector<uint32_t>& sets,
                                        std::vector<uint32_t>& merged) {
    return label_lists_.Get(sets, merged);
  }
  // Whether `part` of `size` prompts is so few that a list of them pays.
  static bool IsSmallPart(uint64_t part, uint64_t size) {
    return part * 8 < size;
  }

  // Above what a PromptState may hold.
  static constexpr uint64_t kSequenceEnd = uint64_t{1} << 48;
  static constexpr uint32_t kPositionEnd = 1 << 16;
  static_assert(kMaxBatchSize <= kPositionEnd);

  // ---- Changes

  // Adds a prompt at the next index. The id must be new.
  uint32_t Add(const storage::PromptInfo& info);
  // While a run is loaded: adds a prompt, or the tombstone of one, at the next
  // index. Find does not find them before FinishLoading.
  uint32_t Load(const storage::PromptInfo& info);
  // The first prompt with the id of an earlier one, if there is such.
  std::optional<uint32_t> FinishLoading();
  // Adds absent indexes up to `size`, for prompts deleted in an earlier life.
  void Skip(uint32_t size);
  // Labels, enabled and payload size; not the id.
  void SetInfo(uint32_t index, const storage::PromptInfo& info);
  void SetState(uint32_t index, const storage::PromptState& state);
  // The prompt is gone; its id stays known as a tombstone.
  void Bury(uint32_t index);
  void SetInFlight(uint32_t index, bool in_flight);

  // A prompt that was dealt cools down while the clock is less than `cooldown`
  // on. SetCooldown looks at all prompts that were dealt; call it once they
  // are loaded and when the setting changes.
  void SetCooldown(double cooldown, double clock);
  // After SetState: `prompts` were dealt at `clock`, the latest so far.
  void StartCooldown(absl::Span<const uint32_t> prompts, double clock);
  // The clock moved on.
  void EndCooldowns(double clock);

  // Notes that the state differs from the last mutation taken. True if it was
  // clean.
  bool MarkDirty(uint32_t index);
  void MarkClean(uint32_t index) { SetFlag(index, kDirty, false); }

 private:
  enum Flag : uint8_t {
    kPresent = 1,
    kEnabled = 2,
    kInFlight = 4,
    kCoolingDown = 8,
    kDirty = 16,
  };

  // What only a prompt has that was dealt; see PromptState. There may be as
  // many as prompts, so sequences have 48 bits and positions 16.
  using Sequence = std::array<uint16_t, 3>;
  struct DealtState {
    double dealt_clock = 0;
    double successes = 0;
    uint32_t deals = 0;
    uint32_t rollouts = 0;
    Sequence evidence_sequence = {};
    Sequence dealt_sequence = {};
    uint16_t dealt_position = 0;

    bool operator==(const DealtState&) const = default;
  };

  static void Fill(const storage::PromptState& state, DealtState& dealt);
  static Sequence Narrow(uint64_t sequence);
  static uint64_t Widen(Sequence sequence);

  // Prompts dealt by one batch, in cooling_.
  struct Cooling {
    double clock;
    size_t prompts;
  };

  bool Has(uint32_t index, Flag flag) const {
    return (flags_.Get(index) & flag) != 0;
  }
  void SetFlag(uint32_t index, Flag flag, bool value);
  // Changes the flag of a prompt that is there, and all that follows from it.
  void ChangeFlag(uint32_t index, Flag flag, bool value);
  // Puts the prompt into the counts and among the free, if it is, or takes it
  // out.
  void Count(uint32_t index, bool in);
  void Join(uint32_t index, uint32_t set);

  Population population_;
  PromptIds ids_;
  LazyColumn<uint8_t> flags_;
  LazyColumn<uint32_t> payload_bytes_;
  // By index, the row in dealt_states_; 0: none.
  LazyColumn<uint32_t> dealt_rows_;
  // By row, from 1 on.
  LazyColumn<DealtState, 256> dealt_states_;
  uint32_t last_row_ = 0;
  // Where not 0.
  absl::flat_hash_map<uint32_t, uint64_t> base_sequences_;

  LabelSets label_sets_;
  LabelLists label_lists_;
  PromptCounts counts_;
  uint64_t in_flight_ = 0;

  // Those that cool down, the first to end first. A prompt that was deleted
  // since is among them still.
  double cooldown_ = 0;
  std::deque<Cooling> cooling_;
  std::deque<uint32_t> cooling_prompts_;
};

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_PROMPT_TABLE_H_
