// BatchTable: the batches that a run remembers, by sequence number and by
// request id, and the leases among them by expiry. Sequence numbers have no
// gaps. Owned by a Run; thread-compatible.
#ifndef VADE_SERVER_SAMPLING_BATCH_TABLE_H_
#define VADE_SERVER_SAMPLING_BATCH_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "storage/types.h"

namespace vade::sampling {

// Where the store has a group, and the state of its prompt.
enum class GroupPlace : uint8_t {
  kNowhere,   // as it was dealt
  kAlone,     // in a record of its own
  kTogether,  // in that of all groups of the batch
};

struct Batch {
  explicit Batch(storage::BatchRecord dealt);

  storage::BatchRecord record;
  storage::LeaseRecord lease;
  std::vector<storage::GroupRecord> groups;  // one for each entry
  uint32_t in_flight = 0;                    // groups

  // For the records in the store: where each group is, the positions of those
  // that changed since, each once and marked, and whether the lease did.
  std::vector<GroupPlace> places;
  std::vector<uint32_t> changed;
  std::vector<bool> is_changed;
  bool lease_changed = false;

  uint64_t sequence() const { return record.sequence; }
  bool ended() const { return lease.state != storage::BatchState::kInFlight; }
};

// "<epoch>-<sequence>": the last part of a batch's name.
struct BatchId {
  uint64_t epoch = 0;
  uint64_t sequence = 0;
};
std::string FormatBatchId(uint64_t epoch, uint64_t sequence);
// Nullopt if `text` is not one that FormatBatchId writes.
std::optional<BatchId> ParseBatchId(const std::string& text);

class BatchTable {
 public:
  // Takes the batch with sequence end_sequence(). References to batches hold
  // until they are forgotten.
  Batch& Add(Batch batch);

  // Null if it never existed or is forgotten.
  Batch* Find(uint64_t sequence);
  const Batch* Find(uint64_t sequence) const;
  const Batch* FindRequest(const std::string& request_id) const;

  // The remembered batches are those in [oldest_sequence, end_sequence).
  uint64_t oldest_sequence() const { return oldest_; }
  uint64_t end_sequence() const { return oldest_ + batches_.size(); }
  // For an empty table: the sequence of the first batch to come.
  void StartAt(uint64_t sequence) { oldest_ = sequence; }

  size_t size() const { return batches_.size(); }
  uint64_t deals() const { return deals_; }
  uint64_t in_flight() const { return leases_.size(); }  // batches

  const Batch* oldest() const {
    return batches_.empty() ? nullptr : &batches_.front();
  }
  void ForgetOldest();

  void SetExpireTime(Batch& batch, int64_t expire_time_us);
  // The lease is over: the batch expires no more.
  void End(Batch& batch, storage::BatchState state, int64_t now_us);
  // The batch in flight whose lease ends first, if it ends by `now_us`.
  Batch* NextExpired(int64_t now_us);
  // When the first lease ends.
  std::optional<int64_t> NextExpireTimeUs() const;

 private:
  std::deque<Batch> batches_;
  uint64_t oldest_ = 1;
  uint64_t deals_ = 0;
  absl::flat_hash_map<std::string, uint64_t> by_request_id_;
  // (expire time, sequence) of the batches in flight.
  absl::btree_set<std::pair<int64_t, uint64_t>> leases_;
};

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_BATCH_TABLE_H_
