// Loading a run from the store: one scan of each of its tables.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/sampling/error.h"
#include "server/sampling/policy.h"
#include "server/sampling/record_scan.h"
#include "server/sampling/run.h"
#include "storage/encoding.h"
#include "storage/keys.h"

namespace vade::sampling {
namespace {

using storage::BatchState;
using storage::GroupState;

// Records decoded at a time: few enough that what waits to be visited is
// little. Those of batches hold many prompts, and old ones are far between.
constexpr uint64_t kPromptsAtOnce = 16384;
constexpr uint64_t kBatchesAtOnce = 32;
constexpr uint64_t kMaxPieces = 4096;

// A record that decodes, and does not fit the others.
absl::Status Corrupt(std::string_view key, absl::string_view what) {
  const std::string table = storage::TableName(key);
  return MakeError(absl::StatusCode::kDataLoss, "CORRUPT_RECORD",
                   absl::StrCat("table ", table, ": ", what),
                   {{"table", table}, {"key", storage::KeyInHex(key)}});
}

GroupState EndedAs(BatchState state) {
  switch (state) {
    case BatchState::kReleased:
      return GroupState::kReleased;
    case BatchState::kExpired:
      return GroupState::kExpired;
    default:
      return GroupState::kInFlight;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Run>> Run::Load(storage::RunRecord record,
                                               const storage::Store& store,
                                               absl::Time now,
                                               RunLimits limits) {
  absl::StatusOr<Policy> policy = FindPolicy(record.settings.policy);
  if (!policy.ok()) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "NEWER_FORMAT",
        absl::StrCat("run '", record.id, "': ", policy.status().message()),
        {{"run", record.id}});
  }
  std::unique_ptr<Run> run(new Run(std::move(record), limits));
  run->selector_ =
      MakeSelector(*policy, run->record_.settings.target_pass_rate);
  if (absl::Status s = run->LoadProgress(store); !s.ok()) return s;
  if (absl::Status s = run->LoadPrompts(store); !s.ok()) return s;
  if (absl::Status s = run->LoadForgotten(store); !s.ok()) return s;
  if (absl::Status s = run->LoadPromptStates(store); !s.ok()) return s;
  if (absl::Status s = run->LoadBatches(store); !s.ok()) return s;
  if (absl::Status s = run->LoadLeases(store, now); !s.ok()) return s;
  if (absl::Status s = run->LoadGroups(store); !s.ok()) return s;
  run->forgotten_.Count([&run](uint64_t sequence, const auto& prompts) {
    return run->CountDealtLast(sequence, prompts);
  });
  run->DropForgottenPrompts();
  run->AdoptInFlight();
  run->prompts_.SetCooldown(run->record_.settings.cooldown, run->clock());
  return run;
}

absl::Status Run::LoadProgress(const storage::Store& store) {
  const std::string key = storage::ProgressKey(record_.number);
  absl::StatusOr<std::optional<std::string>> value = store.Get(key);
  if (!value.ok()) return value.status();
  if (!value->has_value()) {
    return MakeError(
        absl::StatusCode::kDataLoss, "CORRUPT_RECORD",
        absl::StrCat("run '", record_.id, "' has no progress record"),
        {{"table", "progress"}, {"key", storage::KeyInHex(key)}});
  }
  absl::StatusOr<storage::RunProgress> progress =
      storage::DecodeProgress(key, **value);
  if (!progress.ok()) return progress.status();
  progress_ = *std::move(progress);
  if (progress_.next_sequence > PromptTable::kSequenceEnd) {
    return MakeError(
        absl::StatusCode::kDataLoss, "CORRUPT_RECORD",
        absl::StrCat("run '", record_.id, "' has more batches than can be"),
        {{"table", "progress"}});
  }
  deleted_below_ = progress_.oldest_sequence;
  if (progress_.oldest_sequence > 1) {
    // What an earlier life forgot and had not deleted yet.
    for (const storage::Table table :
         {storage::Table::kBatch, storage::Table::kLease,
          storage::Table::kGroup, storage::Table::kGroups}) {
      storage::KeyRange range = storage::ItemRange(table, record_.number, 0,
                                                   progress_.oldest_sequence);
      pending_.DeleteRange(std::move(range.begin), std::move(range.end));
    }
  }
  return ForEach(
      store, storage::RunRange(storage::Table::kSeries, record_.number),
      [&](const storage::KeyParts& at, const storage::Cursor& cursor) {
        absl::StatusOr<storage::SeriesRecord> point =
            storage::DecodeSeries(cursor.key(), cursor.value());
        if (!point.ok()) return point.status();
        stats_.LoadSeries(at.item, *point);
        return absl::OkStatus();
      });
}

absl::Status Run::LoadPrompts(const storage::Store& store) {
  absl::Status status = ForEachDecoded<storage::PromptInfo>(
      store, storage::Table::kPromptInfo, record_.number,
      progress_.next_prompt_index, kPromptsAtOnce, &storage::DecodePromptInfo,
      [&](uint64_t item, const storage::PromptInfo& info) {
        const uint32_t index = static_cast<uint32_t>(item);
        if (item >= progress_.next_prompt_index) {
          return Corrupt(storage::PromptInfoKey(record_.number, index),
                         "a prompt beyond the run's last one");
        }
        prompts_.Skip(index);
        prompts_.Load(info);
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  prompts_.Skip(progress_.next_prompt_index);
  const std::optional<uint32_t> twice = prompts_.FinishLoading();
  if (!twice.has_value()) return absl::OkStatus();
  return Corrupt(
      storage::PromptInfoKey(record_.number, *twice),
      absl::StrCat("two prompts with the id '", prompts_.id(*twice), "'"));
}

absl::Status Run::LoadForgotten(const storage::Store& store) {
  return ForEachDecoded<storage::StoredStates>(
      store, storage::Table::kStates, record_.number, progress_.oldest_sequence,
      std::max(kBatchesAtOnce, progress_.oldest_sequence / kMaxPieces),
      &storage::DecodeStates,
      [&](uint64_t sequence, const storage::StoredStates& stored) {
        const auto corrupt = [&](absl::string_view what) {
          return Corrupt(storage::StatesKey(record_.number, sequence), what);
        };
        if (sequence >= progress_.oldest_sequence) {
          return corrupt("states of a batch that is not forgotten");
        }
        std::vector<uint32_t> prompts;
        prompts.reserve(stored.prompts.size());
        for (const auto& [index, state] : stored.prompts) {
          if (index >= prompts_.size()) {
            return corrupt("state of a prompt that does not exist");
          }
          if (!IsPossible(state) || state.dealt_sequence != sequence) {
            return corrupt("a prompt dealt by another batch");
          }
          if (!prompts_.present(index)) continue;  // deleted since
          AdoptState(index, state);
          prompts.push_back(index);
        }
        forgotten_.Load(sequence, std::move(prompts));
        return absl::OkStatus();
      });
}

absl::Status Run::LoadPromptStates(const storage::Store& store) {
  return ForEachDecoded<storage::PromptState>(
      store, storage::Table::kPromptState, record_.number,
      progress_.next_prompt_index, kPromptsAtOnce, &storage::DecodePromptState,
      [&](uint64_t item, const storage::PromptState& state) {
        const uint32_t index = static_cast<uint32_t>(item);
        const auto corrupt = [&](absl::string_view what) {
          return Corrupt(storage::PromptStateKey(record_.number, index), what);
        };
        if (item >= prompts_.size() || prompts_.id(index).empty()) {
          return corrupt("state of a prompt that does not exist");
        }
        if (!IsPossible(state)) {
          return corrupt("a prompt dealt by a batch that never was");
        }
        AdoptState(index, state);
        return absl::OkStatus();
      });
}

bool Run::IsPossible(const storage::PromptState& state) const {
  return state.evidence_sequence <= state.dealt_sequence &&
         state.dealt_sequence < progress_.next_sequence &&
         state.dealt_position < PromptTable::kPositionEnd;
}

void Run::AdoptState(uint32_t index, const storage::PromptState& state) {
  if (prompts_.LastDeal(index).first > state.dealt_sequence) return;
  prompts_.SetState(index, state);
  RaiseMaxEvidence({state.alpha, state.beta});
}

absl::Status Run::LoadBatches(const storage::Store& store) {
  batches_.StartAt(progress_.oldest_sequence);
  absl::Status status = ForEach(
      store,
      storage::ItemRange(storage::Table::kBatch, record_.number,
                         progress_.oldest_sequence, progress_.next_sequence),
      [&](const storage::KeyParts& at, const storage::Cursor& cursor) {
        absl::StatusOr<storage::BatchRecord> record =
            storage::DecodeBatch(cursor.key(), cursor.value());
        if (!record.ok()) return record.status();
        if (at.item != batches_.end_sequence()) {
          return Corrupt(cursor.key(), "a batch is missing");
        }
        for (const storage::BatchEntry& entry : record->entries) {
          if (entry.prompt_index < prompts_.size() &&
              !prompts_.id(entry.prompt_index).empty()) {
            continue;
          }
          return Corrupt(cursor.key(), "a batch with a prompt that never was");
        }
        batches_.Add(Batch(*std::move(record)));
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  if (batches_.end_sequence() == progress_.next_sequence) return status;
  const uint64_t missing = batches_.end_sequence();
  return MakeError(
      absl::StatusCode::kDataLoss, "CORRUPT_RECORD",
      absl::StrCat("run '", record_.id, "': batch ", missing, " is missing"),
      {{"table", "batch"},
       {"key", storage::KeyInHex(storage::BatchKey(record_.number, missing))}});
}

absl::Status Run::LoadLeases(const storage::Store& store, absl::Time now) {
  absl::Status status = ForEach(
      store,
      storage::ItemRange(storage::Table::kLease, record_.number,
                         progress_.oldest_sequence, progress_.next_sequence),
      [&](const storage::KeyParts& at, const storage::Cursor& cursor) {
        absl::StatusOr<storage::LeaseRecord> lease =
            storage::DecodeLease(cursor.key(), cursor.value());
        if (!lease.ok()) return lease.status();
        Batch& batch = *batches_.Find(at.item);
        batch.lease.ttl_us = lease->ttl_us;
        batches_.SetExpireTime(batch, lease->expire_time_us);
        if (lease->state != BatchState::kInFlight) {
          batches_.End(batch, lease->state, lease->end_time_us);
        }
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  const int64_t now_us = absl::ToUnixMicros(now);
  for (uint64_t sequence = batches_.oldest_sequence();
       sequence < batches_.end_sequence(); ++sequence) {
    Batch& batch = *batches_.Find(sequence);
    if (batch.lease.ttl_us == 0) {
      return MakeError(absl::StatusCode::kDataLoss, "CORRUPT_RECORD",
                       absl::StrCat("run '", record_.id, "': the lease of ",
                                    sequence, " is missing"),
                       {{"table", "lease"}});
    }
    const int64_t latest_us = now_us + batch.lease.ttl_us;
    if (batch.ended() || batch.lease.expire_time_us <= latest_us) continue;
    batches_.SetExpireTime(batch, latest_us);
    TouchLease(batch);  // or the next life would start from the old one
  }
  return absl::OkStatus();
}

// Batch by batch, since a prompt's state is that of its newest group, and as
// the deals after it made it.
absl::Status Run::LoadGroups(const storage::Store& store) {
  const auto range = [&](storage::Table table) {
    return storage::ItemRange(table, record_.number, progress_.oldest_sequence,
                              progress_.next_sequence);
  };
  BatchScan together(store, range(storage::Table::kGroups));
  BatchScan alone(store, range(storage::Table::kGroup));
  for (uint64_t sequence = batches_.oldest_sequence();
       sequence < batches_.end_sequence(); ++sequence) {
    Batch& batch = *batches_.Find(sequence);
    for (uint32_t i = 0; i < batch.groups.size(); ++i) {
      const uint32_t index = batch.record.entries[i].prompt_index;
      if (prompts_.LastDeal(index).first < sequence) NoteDeal(batch.record, i);
    }
    absl::Status status = together.VisitRecordsOf(
        sequence, [&](const storage::KeyParts&, const storage::Cursor& cursor) {
          return AdoptGroups(batch, cursor);
        });
    if (!status.ok()) return status;
    status = alone.VisitRecordsOf(sequence, [&](const storage::KeyParts& at,
                                                const storage::Cursor& cursor) {
      absl::StatusOr<storage::StoredGroup> group =
          storage::DecodeGroup(cursor.key(), cursor.value());
      if (!group.ok()) return group.status();
      return AdoptGroup(batch, at.position, GroupPlace::kAlone, *group, cursor);
    });
    if (!status.ok()) return status;
  }
  absl::Status status = together.status();
  status.Update(alone.status());
  return status;
}

absl::Status Run::AdoptGroups(Batch& batch, const storage::Cursor& cursor) {
  absl::StatusOr<storage::StoredGroups> stored =
      storage::DecodeGroups(cursor.key(), cursor.value());
  if (!stored.ok()) return stored.status();
  for (uint32_t i = 0; i < stored->groups.size(); ++i) {
    if (!stored->groups[i].has_value()) continue;
    absl::Status status =
        AdoptGroup(batch, i, GroupPlace::kTogether, *stored->groups[i], cursor);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Run::AdoptGroup(Batch& batch, uint32_t position, GroupPlace place,
                             const storage::StoredGroup& stored,
                             const storage::Cursor& cursor) {
  if (position >= batch.groups.size()) {
    return Corrupt(cursor.key(), "a group beyond the end of its batch");
  }
  batch.groups[position] = stored.group;
  batch.places[position] = place;
  if (!stored.prompt.has_value()) return absl::OkStatus();
  if (!IsPossible(*stored.prompt)) {
    return Corrupt(cursor.key(), "a prompt dealt by a batch that never was");
  }
  AdoptState(batch.record.entries[position].prompt_index, *stored.prompt);
  return absl::OkStatus();
}

// Deleted prompts that no batch names any more.
void Run::DropForgottenPrompts() {
  for (uint32_t index = 0; index < prompts_.size(); ++index) {
    if (prompts_.present(index) || prompts_.id(index).empty() ||
        prompts_.LastDeal(index).first >= progress_.oldest_sequence) {
      continue;
    }
    pending_.Delete(storage::PromptInfoKey(record_.number, index));
    pending_.Delete(storage::PromptStateKey(record_.number, index));
  }
}

void Run::AdoptInFlight() {
  for (uint64_t sequence = batches_.oldest_sequence();
       sequence < batches_.end_sequence(); ++sequence) {
    Batch& batch = *batches_.Find(sequence);
    for (size_t i = 0; i < batch.groups.size(); ++i) {
      storage::GroupRecord& group = batch.groups[i];
      if (group.state != GroupState::kInFlight) continue;
      group.state = EndedAs(batch.lease.state);
      if (group.state != GroupState::kInFlight) continue;
      ++batch.in_flight;
      prompts_.SetInFlight(batch.record.entries[i].prompt_index, true);
    }
  }
}

}  // namespace vade::sampling
