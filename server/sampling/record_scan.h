// The records of a run as a load reads them: table by table, in the order of
// their keys, large tables decoded on several threads.
#ifndef VADE_SERVER_SAMPLING_RECORD_SCAN_H_
#define VADE_SERVER_SAMPLING_RECORD_SCAN_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/sampling/in_order.h"
#include "storage/keys.h"
#include "storage/store.h"

namespace vade::sampling {

using RecordVisit = std::function<absl::Status(const storage::KeyParts&,
                                               const storage::Cursor&)>;

// Calls `visit` for every record in `range`, in order, until it fails. Its
// error, or that of the store.
absl::Status ForEach(const storage::Store& store, storage::KeyRange range,
                     const RecordVisit& visit);

// The records of a table with sequences in its keys, a batch at a time.
// Thread-compatible; must not outlive the store.
class BatchScan {
 public:
  BatchScan(const storage::Store& store, storage::KeyRange range)
      : cursor_(store.Scan(std::move(range.begin), std::move(range.end))) {}

  // Those of batch `sequence`, which is above that of the call before, in
  // order, until `visit` fails.
  absl::Status VisitRecordsOf(uint64_t sequence, const RecordVisit& visit);
  // The store's error, if there was one. Ask once all batches are visited.
  absl::Status status() const { return cursor_->status(); }

 private:
  const std::unique_ptr<storage::Cursor> cursor_;
};

template <class Record>
using RecordDecoder = absl::StatusOr<Record> (*)(std::string_view key,
                                                 std::string_view value);

// Calls `visit`, an absl::Status(uint64_t index, const Record&), for every
// record that `run` has in `table`, one with items in its keys, in order and on
// the caller's thread, until it fails. `items` is the end of the items, more or
// less: `decode` runs on several threads, each taking the records of
// `items_at_once` at a time, if that makes several pieces.
template <class Record, class Visit>
absl::Status ForEachDecoded(const storage::Store& store, storage::Table table,
                            uint32_t run, uint64_t items,
                            uint64_t items_at_once,
                            RecordDecoder<Record> decode, const Visit& visit) {
  constexpr uint32_t kMaxThreads = 8;
  using Piece = std::vector<std::pair<uint64_t, Record>>;
  const uint64_t count =
      std::max<uint64_t>(1, (items + items_at_once - 1) / items_at_once);
  const auto make = [&](uint64_t i) -> absl::StatusOr<Piece> {
    // The last range takes what is beyond the last item, too.
    const uint64_t end = i + 1 < count ? (i + 1) * items_at_once : UINT64_MAX;
    Piece piece;
    absl::Status status = ForEach(
        store, storage::ItemRange(table, run, i * items_at_once, end),
        [&](const storage::KeyParts& at, const storage::Cursor& cursor) {
          absl::StatusOr<Record> record = decode(cursor.key(), cursor.value());
          if (!record.ok()) return record.status();
          piece.emplace_back(at.item, *std::move(record));
          return absl::OkStatus();
        });
    if (!status.ok()) return status;
    return piece;
  };
  return InOrder<Piece>::Run(
      count, std::min(std::thread::hardware_concurrency(), kMaxThreads), make,
      [&](Piece piece) {
        for (const auto& [item, record] : piece) {
          if (absl::Status s = visit(item, record); !s.ok()) return s;
        }
        return absl::OkStatus();
      });
}

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_RECORD_SCAN_H_
