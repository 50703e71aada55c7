// BareRocksDb: RocksDB as anyone would open it, with nothing of ours around it,
// for comparison. Thread-compatible.
#ifndef VADE_TESTS_BENCHMARK_BARE_ROCKSDB_H_
#define VADE_TESTS_BENCHMARK_BARE_ROCKSDB_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "rocksdb/db.h"
#include "storage/mutation.h"

namespace vade::benchmarks {

class BareRocksDb {
 public:
  // Creates it in `path`. UNAVAILABLE, with RocksDB's text.
  static absl::StatusOr<std::unique_ptr<BareRocksDb>> Open(
      const std::string& path);

  // One write batch with sync. UNAVAILABLE, with RocksDB's text.
  absl::Status WriteSynced(const storage::Mutation& mutation);

 private:
  explicit BareRocksDb(std::unique_ptr<rocksdb::DB> db) : db_(std::move(db)) {}

  const std::unique_ptr<rocksdb::DB> db_;
};

}  // namespace vade::benchmarks

#endif  // VADE_TESTS_BENCHMARK_BARE_ROCKSDB_H_
