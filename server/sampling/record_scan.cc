#include "server/sampling/record_scan.h"

namespace vade::sampling {

absl::Status ForEach(const storage::Store& store, storage::KeyRange range,
                     const RecordVisit& visit) {
  const std::unique_ptr<storage::Cursor> cursor =
      store.Scan(std::move(range.begin), std::move(range.end));
  for (; cursor->Valid(); cursor->Next()) {
    absl::StatusOr<storage::KeyParts> key = storage::ParseKey(cursor->key());
    if (!key.ok()) return key.status();
    if (absl::Status s = visit(*key, *cursor); !s.ok()) return s;
  }
  return cursor->status();
}

absl::Status BatchScan::VisitRecordsOf(uint64_t sequence,
                                       const RecordVisit& visit) {
  for (; cursor_->Valid(); cursor_->Next()) {
    absl::StatusOr<storage::KeyParts> key = storage::ParseKey(cursor_->key());
    if (!key.ok()) return key.status();
    if (key->item != sequence) return absl::OkStatus();
    if (absl::Status s = visit(*key, *cursor_); !s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace vade::sampling
