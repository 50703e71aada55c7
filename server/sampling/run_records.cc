// What a run writes, and where. A batch and its reports are few records
// however many prompts it has:
//
// - A deal is one record, that of the batch. What it changes in its prompts'
//   states follows from that record, and is done again when a run is loaded.
// - The groups that changed since the last mutation are written one by one
//   while they are few of their batch, else all of the batch in one record.
// - The state of a prompt goes with its group in the newest batch that dealt
//   it. What a batch alone has when it is forgotten is written as one record
//   of states, or, if that is little, as a record for each prompt. So are
//   later changes of a prompt that no remembered batch dealt.
//
// So of all places that have the state of one prompt, the newest state is in
// the one that a load reads last: the states of forgotten batches in order, its
// own record unless that is of an earlier deal, then the batches in order.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "server/sampling/run.h"
#include "storage/encoding.h"
#include "storage/keys.h"

namespace vade::sampling {

void Run::TouchPrompt(uint32_t index) {
  if (prompts_.MarkDirty(index)) dirty_prompts_.push_back(index);
}

void Run::TouchGroup(Batch& batch, uint32_t position) {
  progress_dirty_ = true;
  if (batch.is_changed[position]) return;
  batch.is_changed[position] = true;
  batch.changed.push_back(position);
  dirty_batches_.insert(batch.sequence());
}

void Run::TouchLease(Batch& batch) {
  progress_dirty_ = true;
  batch.lease_changed = true;
  dirty_batches_.insert(batch.sequence());
}

storage::Mutation Run::TakeMutation() {
  if (!deleted_) FlushRecords();
  dirty_prompts_.clear();
  dirty_batches_.clear();
  forgotten_.TakeChanged();
  progress_dirty_ = false;
  storage::Mutation taken = std::move(pending_);
  pending_ = storage::Mutation();
  return taken;
}

void Run::FlushRecords() {
  const uint32_t run = record_.number;
  for (const uint64_t sequence : forgotten_.TakeChanged()) {
    FlushForgotten(sequence);
  }
  FlushPrompts();
  // The newest first: what a later group has, an earlier one need not have.
  for (auto at = dirty_batches_.rbegin(); at != dirty_batches_.rend(); ++at) {
    Batch* batch = batches_.Find(*at);
    if (batch == nullptr) continue;
    FlushGroups(*batch);
    if (!std::exchange(batch->lease_changed, false)) continue;
    const std::string key = storage::LeaseKey(run, batch->sequence());
    pending_.Put(key, storage::Encode(key, batch->lease));
  }
  if (!progress_dirty_) return;
  stats_.Flush(pending_);
  const std::string key = storage::ProgressKey(run);
  pending_.Put(key, storage::Encode(key, progress_));
}

// Writes the states that the forgotten batch was the last to deal. The other
// prompts were dealt again; what is not stored with their later batch yet, must
// be before it goes from here.
void Run::FlushForgotten(uint64_t sequence) {
  const std::vector<uint32_t>& prompts = forgotten_.prompts(sequence);
  storage::StoredStates stored;
  std::vector<uint32_t> dealt_last;
  for (size_t i = 0; i < prompts.size(); ++i) {
    if (i % kPrefetched == 0) {
      prompts_.Prefetch(absl::MakeConstSpan(prompts).subspan(i, kPrefetched));
    }
    const uint32_t index = prompts[i];
    if (!prompts_.present(index)) continue;
    const auto [newest, position] = prompts_.LastDeal(index);
    if (newest == sequence) {
      dealt_last.push_back(index);
      continue;
    }
    Batch* batch = batches_.Find(newest);
    if (batch != nullptr && batch->places[position] == GroupPlace::kNowhere) {
      TouchGroup(*batch, position);
    }
  }
  const std::string key = storage::StatesKey(record_.number, sequence);
  if (dealt_last.size() >= limits_.states_together) {
    for (const uint32_t index : dealt_last) {
      stored.prompts.push_back({index, prompts_.State(index)});
    }
    pending_.Put(key, storage::Encode(key, stored));
  } else {
    for (const uint32_t index : dealt_last) TouchPrompt(index);
    pending_.Delete(key);
    dealt_last.clear();
  }
  forgotten_.Set(sequence, std::move(dealt_last));
}

uint32_t Run::CountDealtLast(uint64_t sequence,
                             const std::vector<uint32_t>& prompts) const {
  uint32_t count = 0;
  for (size_t i = 0; i < prompts.size(); ++i) {
    if (i % kPrefetched == 0) {
      prompts_.Prefetch(absl::MakeConstSpan(prompts).subspan(i, kPrefetched));
    }
    count += prompts_.present(prompts[i]) &&
             prompts_.LastDeal(prompts[i]).first == sequence;
  }
  return count;
}

void Run::FlushPrompts() {
  std::vector<uint32_t> alone;
  for (const uint32_t index : dirty_prompts_) {
    prompts_.MarkClean(index);
    if (!prompts_.present(index)) continue;
    const auto [newest, position] = prompts_.LastDeal(index);
    if (Batch* batch = batches_.Find(newest)) {
      TouchGroup(*batch, position);
    } else {
      alone.push_back(index);
    }
  }
  // In the order of their keys, which is quicker to write.
  std::sort(alone.begin(), alone.end());
  for (const uint32_t index : alone) {
    const std::string key = storage::PromptStateKey(record_.number, index);
    pending_.Put(key, storage::Encode(key, prompts_.State(index)));
  }
}

void Run::FlushGroups(Batch& batch) {
  if (batch.changed.empty()) return;
  if (batch.changed.size() * 2 >= batch.groups.size()) {
    FlushTogether(batch);
  } else {
    std::sort(batch.changed.begin(), batch.changed.end());
    for (const uint32_t i : batch.changed) {
      const std::string key =
          storage::GroupKey(record_.number, batch.sequence(), i);
      storage::StoredGroup stored;
      stored.group = batch.groups[i];
      const uint32_t index = batch.record.entries[i].prompt_index;
      const storage::PromptState prompt = prompts_.State(index);
      if (KeepsPrompt(batch, index, prompt.dealt_sequence,
                      prompt.dealt_position))
        stored.prompt = prompt;
      pending_.Put(key, storage::Encode(key, stored));
      batch.places[i] = GroupPlace::kAlone;
    }
  }
  for (const uint32_t i : batch.changed) batch.is_changed[i] = false;
  batch.changed.clear();
}

void Run::FlushTogether(Batch& batch) {
  const std::string key = storage::GroupsKey(record_.number, batch.sequence());
  storage::GroupsEncoder together(key, batch.groups.size());
  for (uint32_t i = 0; i < batch.groups.size(); ++i) {
    GroupPlace& place = batch.places[i];
    if (place == GroupPlace::kNowhere && !batch.is_changed[i]) {
      together.AddNone();
      continue;
    }
    if (place == GroupPlace::kAlone) {
      pending_.Delete(storage::GroupKey(record_.number, batch.sequence(), i));
    }
    const uint32_t index = batch.record.entries[i].prompt_index;
    const storage::PromptState prompt = prompts_.State(index);
    together.Add(
        batch.groups[i],
        KeepsPrompt(batch, index, prompt.dealt_sequence, prompt.dealt_position)
            ? &prompt
            : nullptr);
    place = GroupPlace::kTogether;
  }
  pending_.Put(key, together.Take());
}

// Whether a group of `batch` is to have the state of its prompt: unless a later
// group that is stored has it.
bool Run::KeepsPrompt(const Batch& batch, uint32_t index, uint64_t newest,
                      uint32_t position) const {
  if (!prompts_.present(index)) return false;
  if (newest == batch.sequence()) return true;
  return batches_.Find(newest)->places[position] == GroupPlace::kNowhere;
}

}  // namespace vade::sampling
