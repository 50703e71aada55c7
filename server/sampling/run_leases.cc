// Leases of a run: renew, release, expire, forget, describe.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/sampling/error.h"
#include "server/sampling/run.h"
#include "storage/keys.h"

namespace vade::sampling {
namespace {

using storage::BatchState;
using storage::GroupState;

// Forgotten batches are deleted from the store in ranges of at least this many,
// since a range costs the store about the same whatever it holds.
constexpr uint64_t kDeleteEvery = 256;

// Records of states written anew for each batch that is forgotten. Each was
// made with a batch, and is due a few times in its life.
constexpr size_t kRenewedAtOnce = 8;

const char* NameOf(BatchState state) {
  switch (state) {
    case BatchState::kInFlight:
      return "IN_FLIGHT";
    case BatchState::kCompleted:
      return "COMPLETED";
    case BatchState::kReleased:
      return "RELEASED";
    case BatchState::kExpired:
      return "EXPIRED";
  }
  return "UNKNOWN";
}

}  // namespace

absl::StatusOr<const Batch*> Run::FindBatch(const std::string& batch_id) const {
  const std::optional<BatchId> id = ParseBatchId(batch_id);
  if (!id.has_value()) return BatchNotFound(batch_id);
  if (id->epoch != record_.epoch) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "BATCH_OF_OTHER_EPOCH",
        absl::StrCat("batch '", batch_id, "' is of epoch ", id->epoch,
                     "; the run is in epoch ", record_.epoch),
        {{"batch", batch_id}, {"epoch", absl::StrCat(record_.epoch)}});
  }
  const Batch* batch = batches_.Find(id->sequence);
  if (batch == nullptr) return BatchNotFound(batch_id);
  return batch;
}

absl::StatusOr<Batch*> Run::FindBatch(const std::string& batch_id) {
  absl::StatusOr<const Batch*> batch =
      static_cast<const Run*>(this)->FindBatch(batch_id);
  if (!batch.ok()) return batch.status();
  return batches_.Find((*batch)->sequence());
}

absl::StatusOr<BatchInfo> Run::Renew(const std::string& batch_id,
                                     std::optional<absl::Duration> ttl,
                                     absl::Time now) {
  if (absl::Status s = CheckAlive(); !s.ok()) return s;
  ExpireDue(now);
  absl::StatusOr<Batch*> found = FindBatch(batch_id);
  if (!found.ok()) return found.status();
  Batch& batch = **found;
  if (batch.ended()) {
    const char* state = NameOf(batch.lease.state);
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     "BATCH_NOT_IN_FLIGHT",
                     absl::StrCat("batch '", batch_id, "' is ", state,
                                  "; its prompts may have been dealt again"),
                     {{"batch", batch_id}, {"state", state}});
  }
  if (ttl.has_value()) batch.lease.ttl_us = absl::ToInt64Microseconds(*ttl);
  batches_.SetExpireTime(batch, absl::ToUnixMicros(now) + batch.lease.ttl_us);
  TouchLease(batch);
  return DescribeBatch(batch, false);
}

absl::StatusOr<BatchInfo> Run::Release(
    const std::string& batch_id, const std::vector<std::string>& prompt_ids,
    absl::Time now) {
  if (absl::Status s = CheckAlive(); !s.ok()) return s;
  ExpireDue(now);
  absl::StatusOr<Batch*> found = FindBatch(batch_id);
  if (!found.ok()) return found.status();
  Batch& batch = **found;
  Positions known;
  std::vector<uint32_t> positions;
  for (const std::string& prompt_id : prompt_ids) {
    const std::optional<uint32_t> position =
        FindPosition(batch, prompt_id, known);
    if (!position.has_value()) {
      return MakeError(absl::StatusCode::kNotFound, "PROMPT_NOT_IN_BATCH",
                       absl::StrCat("batch '", batch_id, "' has no prompt '",
                                    prompt_id, "'"),
                       {{"batch", batch_id}, {"prompt", prompt_id}});
    }
    positions.push_back(*position);
  }
  if (prompt_ids.empty()) {
    if (!batch.ended()) {
      FreeAll(batch, GroupState::kReleased, BatchState::kReleased, now);
    }
    return DescribeBatch(batch, false);
  }
  for (const uint32_t position : positions) {
    if (batch.groups[position].state != GroupState::kInFlight) continue;
    FreeGroup(batch, position, GroupState::kReleased);
    TouchGroup(batch, position);
  }
  EndIfComplete(batch, now);
  return DescribeBatch(batch, false);
}

void Run::ExpireDue(absl::Time now) {
  const int64_t now_us = absl::ToUnixMicros(now);
  while (Batch* batch = batches_.NextExpired(now_us)) {
    FreeAll(*batch, GroupState::kExpired, BatchState::kExpired, now);
  }
}

void Run::FreeAll(Batch& batch, GroupState group_state, BatchState batch_state,
                  absl::Time now) {
  for (uint32_t position = 0; position < batch.groups.size(); ++position) {
    if (batch.groups[position].state != GroupState::kInFlight) continue;
    FreeGroup(batch, position, group_state);
  }
  batches_.End(batch, batch_state, absl::ToUnixMicros(now));
  TouchLease(batch);
}

void Run::FreeGroup(Batch& batch, uint32_t position, GroupState state) {
  storage::GroupRecord& group = batch.groups[position];
  group.state = state;
  --batch.in_flight;
  progress_.expired_groups += state == GroupState::kExpired;
  progress_.released_groups += state == GroupState::kReleased;
  const storage::BatchEntry& entry = batch.record.entries[position];
  prompts_.SetInFlight(entry.prompt_index, false);
  ++eligible_version_;
  const bool untouched = group.rewards + group.failed == 0;
  if (state == GroupState::kCompleted || !untouched || entry.pass == 0) return;
  storage::PromptState prompt = prompts_.State(entry.prompt_index);
  if (prompt.pass != progress_.current_pass) return;
  --prompt.pass;  // nothing was rolled out: it has its turn in the pass again
  prompts_.SetState(entry.prompt_index, prompt);
  TouchPrompt(entry.prompt_index);
}

void Run::EndIfComplete(Batch& batch, absl::Time now) {
  if (batch.ended() || batch.in_flight > 0) return;
  batches_.End(batch, BatchState::kCompleted, absl::ToUnixMicros(now));
  TouchLease(batch);
}

void Run::ForgetOld(absl::Time now) {
  const storage::RunSettings& settings = record_.settings;
  const int64_t horizon_us =
      absl::ToUnixMicros(now) - settings.retention_age_us;
  for (const Batch* oldest = batches_.oldest();
       oldest != nullptr && oldest->ended(); oldest = batches_.oldest()) {
    if (batches_.deals() <= settings.retained_deals &&
        oldest->lease.end_time_us > horizon_us) {
      break;
    }
    ForgetOldest();
  }
  if (progress_.oldest_sequence - deleted_below_ < kDeleteEvery) return;
  for (const storage::Table table :
       {storage::Table::kBatch, storage::Table::kLease, storage::Table::kGroup,
        storage::Table::kGroups}) {
    storage::KeyRange range = storage::ItemRange(
        table, record_.number, deleted_below_, progress_.oldest_sequence);
    pending_.DeleteRange(std::move(range.begin), std::move(range.end));
  }
  deleted_below_ = progress_.oldest_sequence;
}

// What is stored with the oldest batch alone gets a new place.
void Run::ForgetOldest() {
  const Batch& batch = *batches_.oldest();
  const std::vector<storage::BatchEntry>& entries = batch.record.entries;
  std::vector<uint32_t> dealt_last;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (i % kPrefetched == 0) PrefetchPrompts(batch, i, kPrefetched);
    const uint32_t index = entries[i].prompt_index;
    const auto [newest, position] = prompts_.LastDeal(index);
    if (!KeepsPrompt(batch, index, newest, position)) continue;
    if (newest == batch.sequence()) {
      dealt_last.push_back(index);
    } else {
      TouchPrompt(index);
    }
  }
  if (dealt_last.size() >= limits_.states_together) {
    forgotten_.Add(batch.sequence(), std::move(dealt_last));
  } else {
    for (const uint32_t index : dealt_last) TouchPrompt(index);
  }
  forgotten_.Renew(kRenewedAtOnce);
  batches_.ForgetOldest();
  progress_.oldest_sequence = batches_.oldest_sequence();
  progress_dirty_ = true;
}

void Run::PrefetchPrompts(const Batch& batch, size_t from, size_t count) const {
  const std::vector<storage::BatchEntry>& entries = batch.record.entries;
  std::array<uint32_t, kPrefetched> prompts;
  size_t found = 0;
  for (size_t i = from; i < entries.size() && found < count; ++i) {
    if (found == kPrefetched) break;
    prompts[found++] = entries[i].prompt_index;
  }
  prompts_.Prefetch(absl::MakeConstSpan(prompts.data(), found));
}

BatchInfo Run::DescribeBatch(const Batch& batch, bool with_groups) const {
  BatchInfo info;
  const SampleResult sample =
      with_groups ? DescribeSample(batch, Shard()) : SummarizeSample(batch);
  info.id = sample.batch_id;
  info.sequence = batch.sequence();
  info.state = batch.lease.state;
  info.batch_size = sample.batch_size;
  info.group_size = sample.group_size;
  info.clock = sample.clock;
  info.expected_egr = sample.expected_egr;
  info.request_id = batch.record.request_id;
  info.create_time = absl::FromUnixMicros(batch.record.create_time_us);
  info.expire_time = sample.expire_time;
  if (batch.ended()) {
    info.end_time = absl::FromUnixMicros(batch.lease.end_time_us);
  }
  info.in_flight = batch.in_flight;
  for (size_t i = 0; i < batch.groups.size(); ++i) {
    const storage::GroupRecord& group = batch.groups[i];
    info.completed += group.state == GroupState::kCompleted;
    if (!with_groups) continue;
    info.groups.push_back({sample.prompts[i], group.state, group.rewards,
                           group.successes, group.failed, group.varied});
  }
  return info;
}

}  // namespace vade::sampling
