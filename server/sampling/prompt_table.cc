#include "server/sampling/prompt_table.h"

#include <algorithm>
#include <string>
#include <utility>

namespace vade::sampling {
namespace {

constexpr size_t kListedAtOnce = 4096;

}  // namespace

storage::PromptInfo PromptTable::Info(uint32_t index) const {
  storage::PromptInfo info;
  info.id = std::string(id(index));
  if (present(index)) info.labels = labels(index);
  info.enabled = enabled(index);
  info.deleted = !present(index);
  info.payload_bytes = payload_bytes(index);
  return info;
}

storage::PromptState PromptTable::State(uint32_t index) const {
  storage::PromptState state;
  const HotState& hot = population_.hot(index);
  state.alpha = hot.alpha;
  state.beta = hot.beta;
  state.evidence_clock = hot.clock;
  state.pass = population_.pass(index);
  if (!base_sequences_.empty()) {
    const auto base = base_sequences_.find(index);
    if (base != base_sequences_.end()) state.base_sequence = base->second;
  }
  const uint32_t row = dealt_rows_.Get(index);
  if (row == 0) return state;
  const DealtState& dealt = dealt_states_.At(row);
  state.evidence_sequence = Widen(dealt.evidence_sequence);
  state.dealt_sequence = Widen(dealt.dealt_sequence);
  state.dealt_clock = dealt.dealt_clock;
  state.dealt_position = dealt.dealt_position;
  state.deals = dealt.deals;
  state.rollouts = dealt.rollouts;
  state.successes = dealt.successes;
  return state;
}

void PromptTable::Fill(const storage::PromptState& state, DealtState& dealt) {
  dealt.dealt_clock = state.dealt_clock;
  dealt.successes = state.successes;
  dealt.deals = state.deals;
  dealt.rollouts = state.rollouts;
  dealt.evidence_sequence = Narrow(state.evidence_sequence);
  dealt.dealt_sequence = Narrow(state.dealt_sequence);
  dealt.dealt_position = static_cast<uint16_t>(state.dealt_position);
}

std::pair<uint64_t, uint32_t> PromptTable::LastDeal(uint32_t index) const {
  const uint32_t row = dealt_rows_.Get(index);
  if (row == 0) return {0, 0};
  const DealtState& dealt = dealt_states_.At(row);
  return {Widen(dealt.dealt_sequence), dealt.dealt_position};
}

void PromptTable::SetState(uint32_t index, const storage::PromptState& state) {
  population_.SetHot(index, {state.alpha, state.beta, state.evidence_clock});
  population_.SetPass(index, state.pass);
  if (state.base_sequence != 0) {
    base_sequences_[index] = state.base_sequence;
  } else if (!base_sequences_.empty()) {
    base_sequences_.erase(index);
  }
  uint32_t row = dealt_rows_.Get(index);
  if (row == 0) {
    DealtState dealt;
    Fill(state, dealt);
    if (dealt == DealtState()) return;
    row = ++last_row_;
    dealt_rows_.Set(index, row);
    dealt_states_.Set(row, dealt);
  } else {
    Fill(state, dealt_states_.At(row));
  }
}

void PromptTable::Prefetch(absl::Span<const uint32_t> prompts) const {
  for (const uint32_t index : prompts) {
    dealt_rows_.Prefetch(index);
    ids_.PrefetchPlace(index);
    flags_.Prefetch(index);
    population_.Prefetch(index);
  }
  for (const uint32_t index : prompts) {
    ids_.PrefetchId(index);
    dealt_states_.Prefetch(dealt_rows_.Get(index));
  }
}

PromptTable::Sequence PromptTable::Narrow(uint64_t sequence) {
  return {static_cast<uint16_t>(sequence),
          static_cast<uint16_t>(sequence >> 16),
          static_cast<uint16_t>(sequence >> 32)};
}

uint64_t PromptTable::Widen(Sequence sequence) {
  return uint64_t{sequence[0]} | uint64_t{sequence[1]} << 16 |
         uint64_t{sequence[2]} << 32;
}

uint32_t PromptTable::Add(const storage::PromptInfo& info) {
  const uint32_t index = Load(info);
  ids_.List(index);
  return index;
}

uint32_t PromptTable::Load(const storage::PromptInfo& info) {
  const uint32_t index = size();
  population_.Resize(index + 1);
  ids_.Append(info.id);
  if (info.deleted) return index;
  payload_bytes_.Set(index, info.payload_bytes);
  flags_.Set(index, info.enabled ? kPresent | kEnabled : kPresent);
  Join(index, label_sets_.Acquire(info.labels));
  return index;
}

std::optional<uint32_t> PromptTable::FinishLoading() {
  ids_.Reserve(counts_.present);
  std::vector<uint32_t> several;
  for (uint32_t index = 0; index < size(); ++index) {
    if (present(index)) several.push_back(index);
    if (several.size() < kListedAtOnce && index + 1 < size()) continue;
    if (const auto twice = ids_.List(several)) return twice;
    several.clear();
  }
  return std::nullopt;
}

void PromptTable::Skip(uint32_t size) {
  population_.Resize(size);
  while (ids_.size() < size) ids_.Append("");
}

void PromptTable::SetInfo(uint32_t index, const storage::PromptInfo& info) {
  payload_bytes_.Set(index, info.payload_bytes);
  ChangeFlag(index, kEnabled, info.enabled);
  const uint32_t from = label_set(index);
  const uint32_t to = label_sets_.Acquire(info.labels);
  if (from != to) {
    Count(index, false);
    label_lists_.Left(from);
    Join(index, to);
  }
  label_sets_.Release(from);
}

void PromptTable::Bury(uint32_t index) {
  SetInFlight(index, false);
  ids_.Unlist(index);
  Count(index, false);
  const uint32_t set = label_set(index);
  flags_.Set(index, flags_.Get(index) & (kEnabled | kDirty));
  payload_bytes_.Set(index, 0);
  population_.SetFree(index, false);
  population_.SetLabelSet(index, 0);
  label_lists_.Left(set);
  label_sets_.Release(set);
}

void PromptTable::SetInFlight(uint32_t index, bool in_flight) {
  if (!present(index) || this->in_flight(index) == in_flight) return;
  in_flight_ += in_flight ? 1 : -1;
  ChangeFlag(index, kInFlight, in_flight);
}

void PromptTable::SetCooldown(double cooldown, double clock) {
  cooldown_ = cooldown;
  for (const uint32_t index : cooling_prompts_) {
    if (present(index)) ChangeFlag(index, kCoolingDown, false);
  }
  cooling_.clear();
  cooling_prompts_.clear();
  if (!(cooldown > 0) || last_row_ == 0) return;
  std::vector<std::pair<double, uint32_t>> dealt;
  for (uint32_t index = 0; index < size(); ++index) {
    const uint32_t row = dealt_rows_.Get(index);
    if (row == 0 || !present(index)) continue;
    const DealtState& state = dealt_states_.At(row);
    if (state.deals > 0 && clock - state.dealt_clock < cooldown) {
      dealt.emplace_back(state.dealt_clock, index);
    }
  }
  std::sort(dealt.begin(), dealt.end());
  for (const auto& [at, index] : dealt) {
    StartCooldown(absl::MakeConstSpan(&index, 1), at);
  }
}

void PromptTable::StartCooldown(absl::Span<const uint32_t> prompts,
                                double clock) {
  if (!(cooldown_ > 0)) return;
  for (const uint32_t index : prompts) {
    ChangeFlag(index, kCoolingDown, true);
    cooling_prompts_.push_back(index);
  }
  if (!cooling_.empty() && cooling_.back().clock == clock) {
    cooling_.back().prompts += prompts.size();
  } else {
    cooling_.push_back({clock, prompts.size()});
  }
}

void PromptTable::EndCooldowns(double clock) {
  while (!cooling_.empty() && !(clock - cooling_.front().clock < cooldown_)) {
    for (size_t i = 0; i < cooling_.front().prompts; ++i) {
      const uint32_t index = cooling_prompts_.front();
      cooling_prompts_.pop_front();
      if (present(index)) ChangeFlag(index, kCoolingDown, false);
    }
    cooling_.pop_front();
  }
}

bool PromptTable::MarkDirty(uint32_t index) {
  const bool was_clean = !Has(index, kDirty);
  SetFlag(index, kDirty, true);
  return was_clean;
}

void PromptTable::SetFlag(uint32_t index, Flag flag, bool value) {
  const uint8_t flags = flags_.Get(index);
  flags_.Set(index, static_cast<uint8_t>(value ? flags | flag : flags & ~flag));
}

void PromptTable::ChangeFlag(uint32_t index, Flag flag, bool value) {
  Count(index, false);
  SetFlag(index, flag, value);
  Count(index, true);
}

void PromptTable::Count(uint32_t index, bool in) {
  const uint8_t flags = flags_.Get(index);
  PromptCounts one;
  one.present = 1;
  if ((flags & kEnabled) == 0) {
    one.disabled = 1;
  } else if ((flags & kInFlight) != 0) {
    one.in_flight = 1;
  } else if ((flags & kCoolingDown) != 0) {
    one.cooling_down = 1;
  }
  PromptCounts& of_set = label_sets_.counts(label_set(index));
  if (in) {
    counts_ += one;
    of_set += one;
  } else {
    counts_ -= one;
    of_set -= one;
  }
  population_.SetFree(index, in && one.free() > 0);
}

void PromptTable::Join(uint32_t index, uint32_t set) {
  if (label_sets_.counts(set).present == 0) label_lists_.Created(set);
  population_.SetLabelSet(index, set);
  Count(index, true);
  label_lists_.Joined(set, index);
}

}  // namespace vade::sampling
