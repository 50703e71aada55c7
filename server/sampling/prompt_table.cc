#include "server/sampling/prompt_table.h"

#include <cstring>
#include <string>

#include "absl/hash/hash.h"

namespace vade::sampling {
namespace {

constexpr size_t kBlockBytes = size_t{64} << 10;

}  // namespace

size_t PromptTable::IdHash::operator()(absl::string_view id) const {
  return absl::Hash<absl::string_view>()(id);
}

size_t PromptTable::IdHash::operator()(uint32_t index) const {
  return absl::Hash<absl::string_view>()((*slots)[index].id());
}

bool PromptTable::IdEqual::operator()(uint32_t a, absl::string_view b) const {
  return (*slots)[a].id() == b;
}

bool PromptTable::IdEqual::operator()(absl::string_view a, uint32_t b) const {
  return a == (*slots)[b].id();
}

PromptTable::PromptTable() : by_id_(0, IdHash{&slots_}, IdEqual{&slots_}) {}

std::optional<uint32_t> PromptTable::Find(absl::string_view id) const {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return std::nullopt;
  return *found;
}

const char* PromptTable::Keep(absl::string_view id) {
  if (blocks_.empty() || block_used_ + id.size() > kBlockBytes) {
    blocks_.push_back(std::make_unique<char[]>(kBlockBytes));
    block_used_ = 0;
  }
  char* place = blocks_.back().get() + block_used_;
  std::memcpy(place, id.data(), id.size());
  block_used_ += id.size();
  return place;
}

uint32_t PromptTable::Add(const storage::PromptInfo& info) {
  const uint32_t index = size();
  Slot& slot = slots_.emplace_back();
  population_.Resize(size());
  slot.id_bytes = Keep(info.id);
  slot.id_size = static_cast<uint16_t>(info.id.size());
  slot.label_set = label_sets_.Acquire(info.labels);
  population_.SetLabelSet(index, slot.label_set);
  slot.payload_bytes = info.payload_bytes;
  slot.present = true;
  slot.enabled = info.enabled;
  by_id_.insert(index);
  ++count_;
  if (!slot.enabled) ++disabled_;
  return index;
}

void PromptTable::Skip(uint32_t size) {
  slots_.resize(size);
  population_.Resize(size);
}

storage::PromptState PromptTable::State(uint32_t index) const {
  storage::PromptState state = slots_[index].state;
  const HotState& hot = population_.hot(index);
  state.alpha = hot.alpha;
  state.beta = hot.beta;
  state.evidence_clock = hot.clock;
  state.pass = population_.pass(index);
  return state;
}

void PromptTable::SetState(uint32_t index, const storage::PromptState& state) {
  slots_[index].state = state;
  population_.SetHot(index, {state.alpha, state.beta, state.evidence_clock});
  population_.SetPass(index, state.pass);
}

void PromptTable::SetInfo(uint32_t index, const storage::PromptInfo& info) {
  Slot& slot = slots_[index];
  const uint32_t labels = label_sets_.Acquire(info.labels);
  label_sets_.Release(slot.label_set);
  slot.label_set = labels;
  population_.SetLabelSet(index, labels);
  slot.payload_bytes = info.payload_bytes;
  if (slot.enabled != info.enabled) {
    disabled_ += info.enabled ? -1 : 1;
    slot.enabled = info.enabled;
  }
}

void PromptTable::Bury(uint32_t index) {
  Slot& slot = slots_[index];
  SetInFlight(index, false);
  by_id_.erase(index);
  label_sets_.Release(slot.label_set);
  slot.label_set = 0;
  slot.payload_bytes = 0;
  slot.present = false;
  population_.SetFree(index, false);
  population_.SetLabelSet(index, 0);
  --count_;
  if (!slot.enabled) --disabled_;
}

void PromptTable::SetInFlight(uint32_t index, bool in_flight) {
  Slot& slot = slots_[index];
  if (slot.in_flight == in_flight || !slot.present) return;
  slot.in_flight = in_flight;
  in_flight_ += in_flight ? 1 : -1;
}

bool PromptTable::MarkDirty(uint32_t index) {
  const bool was_clean = !slots_[index].dirty;
  slots_[index].dirty = true;
  return was_clean;
}

storage::PromptInfo PromptTable::Info(uint32_t index) const {
  const Slot& slot = slots_[index];
  storage::PromptInfo info;
  info.id = std::string(slot.id());
  if (slot.present) info.labels = labels(index);
  info.enabled = slot.enabled;
  info.deleted = !slot.present;
  info.payload_bytes = slot.payload_bytes;
  return info;
}

}  // namespace vade::sampling
