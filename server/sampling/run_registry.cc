#include "server/sampling/run_registry.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/sampling/error.h"
#include "server/sampling/limits.h"
#include "storage/encoding.h"
#include "storage/keys.h"

namespace vade::sampling {

RunRegistry::RunRegistry(storage::Store& store, WorkerPool& pool,
                         const Clock& clock, RunLimits limits)
    : store_(store),
      pool_(pool),
      clock_(clock),
      limits_(limits),
      creations_(pool) {}

absl::StatusOr<std::unique_ptr<RunRegistry>> RunRegistry::Open(
    storage::Store& store, WorkerPool& pool, const Clock& clock,
    RunLimits limits) {
  std::unique_ptr<RunRegistry> registry(
      new RunRegistry(store, pool, clock, limits));
  if (absl::Status s = registry->Load(); !s.ok()) return s;
  return registry;
}

absl::Status RunRegistry::Load() {
  const std::string key = storage::RegistryKey();
  absl::StatusOr<std::optional<std::string>> value = store_.Get(key);
  if (!value.ok()) return value.status();
  storage::RegistryRecord numbers;
  if (value->has_value()) {
    absl::StatusOr<storage::RegistryRecord> record =
        storage::DecodeRegistry(key, **value);
    if (!record.ok()) return record.status();
    numbers = *record;
  }
  absl::btree_map<std::string, std::shared_ptr<RunQueue>> runs;
  storage::KeyRange range = storage::TableRange(storage::Table::kRun);
  const std::unique_ptr<storage::Cursor> cursor =
      store_.Scan(std::move(range.begin), std::move(range.end));
  for (; cursor->Valid(); cursor->Next()) {
    absl::StatusOr<storage::RunRecord> record =
        storage::DecodeRun(cursor->key(), cursor->value());
    if (!record.ok()) return record.status();
    const std::string id = record->id;
    absl::StatusOr<std::unique_ptr<Run>> run =
        Run::Load(*std::move(record), store_, clock_.Now(), limits_);
    if (!run.ok()) return run.status();
    runs[id] = RunQueue::Make(*std::move(run), store_, pool_, clock_, limits_);
  }
  if (!cursor->status().ok()) return cursor->status();
  MutexLock lock(mu_);
  numbers_ = numbers;
  runs_ = std::move(runs);
  return absl::OkStatus();
}

void RunRegistry::Create(std::string run_id, std::string display_name,
                         storage::RunSettings settings,
                         std::function<void(absl::StatusOr<RunInfo>)> done) {
  creations_.Post([this, run_id = std::move(run_id),
                   display_name = std::move(display_name),
                   settings = std::move(settings), done = std::move(done)] {
    done(CreateNow(run_id, display_name, settings));
  });
}

absl::StatusOr<storage::RunRecord> RunRegistry::Reserve(
    const std::string& run_id) {
  MutexLock lock(mu_);
  if (runs_.contains(run_id)) {
    return MakeError(absl::StatusCode::kAlreadyExists, "RUN_EXISTS",
                     absl::StrCat("run '", run_id, "' exists already"),
                     {{"run", run_id}});
  }
  if (runs_.size() >= kMaxRuns) {
    return MakeError(absl::StatusCode::kResourceExhausted, "TOO_MANY_RUNS",
                     absl::StrCat("the server holds at most ", kMaxRuns,
                                  " runs: delete one"),
                     {{"rule", absl::StrCat("at most ", kMaxRuns)}});
  }
  storage::RunRecord record;
  record.id = run_id;
  record.number = numbers_.next_run_number++;
  record.epoch = numbers_.next_epoch++;
  return record;
}

absl::StatusOr<RunInfo> RunRegistry::CreateNow(const std::string& run_id,
                                               std::string display_name,
                                               storage::RunSettings settings) {
  absl::StatusOr<storage::RunRecord> record = Reserve(run_id);
  if (!record.ok()) return record.status();
  record->display_name = std::move(display_name);
  record->settings = std::move(settings);
  record->create_time_us = absl::ToUnixMicros(clock_.Now());
  record->update_time_us = record->create_time_us;
  const storage::RegistryRecord numbers = {record->number + 1,
                                           record->epoch + 1};
  absl::StatusOr<std::unique_ptr<Run>> run =
      Run::Create(*std::move(record), limits_);
  if (!run.ok()) return run.status();
  const RunInfo info = (*run)->Info();
  storage::Mutation mutation = (*run)->TakeMutation();
  const std::string key = storage::RegistryKey();
  mutation.Put(key, storage::Encode(key, numbers));
  if (absl::Status s = store_.Write(mutation); !s.ok()) {
    return MakeError(
        absl::StatusCode::kUnavailable, "STORAGE_FAILED",
        absl::StrCat("run '", run_id, "' was not created: ", s.message()));
  }
  MutexLock lock(mu_);
  runs_[run_id] =
      RunQueue::Make(*std::move(run), store_, pool_, clock_, limits_);
  return info;
}

std::shared_ptr<RunQueue> RunRegistry::Find(const std::string& run_id) const {
  MutexLock lock(mu_);
  const auto found = runs_.find(run_id);
  return found == runs_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<RunQueue>> RunRegistry::List(
    const std::string& after, size_t limit) const {
  std::vector<std::shared_ptr<RunQueue>> queues;
  MutexLock lock(mu_);
  for (auto it = runs_.upper_bound(after);
       it != runs_.end() && queues.size() < limit; ++it) {
    queues.push_back(it->second);
  }
  return queues;
}

void RunRegistry::Delete(const std::string& run_id, std::string etag,
                         std::function<void(absl::Status)> done) {
  const std::shared_ptr<RunQueue> queue = Find(run_id);
  if (queue == nullptr) {
    pool_.Post([run_id, done = std::move(done)] { done(RunNotFound(run_id)); });
    return;
  }
  queue->Change<bool>(
      [etag = std::move(etag)](Run& run, absl::Time) -> absl::StatusOr<bool> {
        if (absl::Status s = run.Delete(etag); !s.ok()) return s;
        return true;
      },
      [this, run_id, queue,
       done = std::move(done)](absl::StatusOr<bool> deleted) {
        if (deleted.ok()) {
          MutexLock lock(mu_);
          const auto found = runs_.find(run_id);
          if (found != runs_.end() && found->second == queue) {
            runs_.erase(found);
          }
        }
        done(std::move(deleted).status());
      });
}

void RunRegistry::Tick() {
  for (const auto& queue : List("", kMaxRuns)) queue->Tick();
}

absl::StatusOr<std::vector<std::string>> RunRegistry::ReadPayloads(
    uint32_t run_number, const std::vector<uint32_t>& prompt_indexes) const {
  std::vector<std::string> keys;
  for (const uint32_t index : prompt_indexes) {
    keys.push_back(storage::PayloadKey(run_number, index));
  }
  absl::StatusOr<std::vector<std::optional<std::string>>> values =
      store_.MultiGet(keys);
  if (!values.ok()) return values.status();
  std::vector<std::string> payloads(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!(*values)[i].has_value()) continue;
    absl::StatusOr<std::string> payload =
        storage::DecodePayload(keys[i], *(*values)[i]);
    if (!payload.ok()) return payload.status();
    payloads[i] = *std::move(payload);
  }
  return payloads;
}

}  // namespace vade::sampling
