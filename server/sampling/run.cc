#include "server/sampling/run.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/sampling/error.h"
#include "server/sampling/policy.h"
#include "server/sampling/settings.h"
#include "storage/encoding.h"
#include "storage/keys.h"

namespace vade::sampling {

Run::Run(storage::RunRecord record, RunLimits limits)
    : record_(std::move(record)),
      limits_(limits),
      stats_(record_.number, progress_) {}

absl::StatusOr<std::unique_ptr<Run>> Run::Create(storage::RunRecord record,
                                                 RunLimits limits) {
  absl::StatusOr<Policy> policy = FindPolicy(record.settings.policy);
  if (!policy.ok()) return policy.status();
  std::unique_ptr<Run> run(new Run(std::move(record), limits));
  const storage::RunRecord& kept = run->record_;
  run->selector_ = MakeSelector(*policy, kept.settings.target_pass_rate);
  run->prompts_.SetCooldown(kept.settings.cooldown, run->clock());
  const std::string key = storage::RunKey(kept.number);
  run->pending_.Put(key, storage::Encode(key, kept));
  run->progress_dirty_ = true;
  return run;
}

absl::Status Run::CheckAlive() const {
  return deleted_ ? RunNotFound(record_.id) : absl::OkStatus();
}

absl::Status Run::CheckEtag(const std::string& etag) const {
  const std::string current = EtagOf(record_);
  if (etag.empty() || etag == current) return absl::OkStatus();
  return MakeError(absl::StatusCode::kAborted, "ETAG_MISMATCH",
                   absl::StrCat("etag: got '", etag, "'; the run has '",
                                current, "', read it again"),
                   {{"etag", current}});
}

absl::StatusOr<RunInfo> Run::Update(const RunChange& change, absl::Time now) {
  if (absl::Status s = CheckAlive(); !s.ok()) return s;
  ExpireDue(now);
  if (absl::Status s = CheckEtag(change.etag); !s.ok()) return s;
  absl::StatusOr<storage::RunSettings> settings =
      ApplyChange(record_.settings, change);
  if (!settings.ok()) return settings.status();
  absl::StatusOr<Policy> policy = FindPolicy(settings->policy);
  if (!policy.ok()) return policy.status();
  record_.settings = *std::move(settings);
  if (change.display_name) record_.display_name = *change.display_name;
  ++record_.revision;
  record_.update_time_us = absl::ToUnixMicros(now);
  selector_ = MakeSelector(*policy, record_.settings.target_pass_rate);
  if (change.cooldown) {
    prompts_.SetCooldown(record_.settings.cooldown, clock());
  }
  const std::string key = storage::RunKey(record_.number);
  pending_.Put(key, storage::Encode(key, record_));
  ++eligible_version_;  // a shorter cooldown frees prompts
  return Info();
}

absl::Status Run::Delete(const std::string& etag) {
  if (absl::Status s = CheckAlive(); !s.ok()) return s;
  if (absl::Status s = CheckEtag(etag); !s.ok()) return s;
  deleted_ = true;
  ++eligible_version_;  // waiting calls must learn of it
  pending_.Clear();
  for (const storage::Table table : storage::kRunTables) {
    storage::KeyRange range = storage::RunRange(table, record_.number);
    pending_.DeleteRange(std::move(range.begin), std::move(range.end));
  }
  return absl::OkStatus();
}

void Run::Tick(absl::Time now) {
  if (deleted_) return;
  ExpireDue(now);
  ForgetOld(now);
}

absl::Time Run::NextTick() const {
  if (deleted_) return absl::InfiniteFuture();
  absl::Time next = absl::InfiniteFuture();
  if (const auto expire = batches_.NextExpireTimeUs(); expire.has_value()) {
    next = absl::FromUnixMicros(*expire);
  }
  const Batch* oldest = batches_.oldest();
  if (oldest != nullptr && oldest->ended()) {
    next = std::min(next,
                    absl::FromUnixMicros(oldest->lease.end_time_us) +
                        absl::Microseconds(record_.settings.retention_age_us));
  }
  return next;
}

RunInfo Run::Info() const {
  RunInfo info;
  info.record = record_;
  info.clock = progress_.clock;
  info.batches = progress_.batches;
  info.prompts = prompts_.count();
  info.disabled = prompts_.disabled();
  info.in_flight = prompts_.in_flight();
  return info;
}

}  // namespace vade::sampling
