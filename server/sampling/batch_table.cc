#include "server/sampling/batch_table.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace vade::sampling {

std::string FormatBatchId(uint64_t epoch, uint64_t sequence) {
  return absl::StrCat(epoch, "-", sequence);
}

std::optional<BatchId> ParseBatchId(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '-');
  BatchId id;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &id.epoch) ||
      !absl::SimpleAtoi(parts[1], &id.sequence) ||
      FormatBatchId(id.epoch, id.sequence) != text) {
    return std::nullopt;
  }
  return id;
}

Batch::Batch(storage::BatchRecord dealt)
    : record(std::move(dealt)),
      groups(record.entries.size()),
      places(record.entries.size(), GroupPlace::kNowhere),
      is_changed(record.entries.size()) {
  lease.ttl_us = record.lease_ttl_us;
  lease.expire_time_us = record.lease_expire_time_us;
}

Batch& BatchTable::Add(Batch batch) {
  Batch& added = batches_.emplace_back(std::move(batch));
  deals_ += added.record.entries.size();
  if (!added.record.request_id.empty()) {
    by_request_id_[added.record.request_id] = added.sequence();
  }
  if (!added.ended()) {
    leases_.emplace(added.lease.expire_time_us, added.sequence());
  }
  return added;
}

Batch* BatchTable::Find(uint64_t sequence) {
  if (sequence < oldest_ || sequence >= end_sequence()) return nullptr;
  return &batches_[sequence - oldest_];
}

const Batch* BatchTable::Find(uint64_t sequence) const {
  if (sequence < oldest_ || sequence >= end_sequence()) return nullptr;
  return &batches_[sequence - oldest_];
}

const Batch* BatchTable::FindRequest(const std::string& request_id) const {
  const auto found = by_request_id_.find(request_id);
  return found == by_request_id_.end() ? nullptr : Find(found->second);
}

void BatchTable::ForgetOldest() {
  const Batch& batch = batches_.front();
  deals_ -= batch.record.entries.size();
  if (!batch.record.request_id.empty()) {
    by_request_id_.erase(batch.record.request_id);
  }
  leases_.erase({batch.lease.expire_time_us, batch.sequence()});
  batches_.pop_front();
  ++oldest_;
}

void BatchTable::SetExpireTime(Batch& batch, int64_t expire_time_us) {
  leases_.erase({batch.lease.expire_time_us, batch.sequence()});
  batch.lease.expire_time_us = expire_time_us;
  leases_.emplace(expire_time_us, batch.sequence());
}

void BatchTable::End(Batch& batch, storage::BatchState state, int64_t now_us) {
  leases_.erase({batch.lease.expire_time_us, batch.sequence()});
  batch.lease.state = state;
  batch.lease.end_time_us = now_us;
}

Batch* BatchTable::NextExpired(int64_t now_us) {
  if (leases_.empty() || leases_.begin()->first > now_us) return nullptr;
  return Find(leases_.begin()->second);
}

std::optional<int64_t> BatchTable::NextExpireTimeUs() const {
  if (leases_.empty()) return std::nullopt;
  return leases_.begin()->first;
}

}  // namespace vade::sampling
