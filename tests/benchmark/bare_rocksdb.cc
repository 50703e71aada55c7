#include "tests/benchmark/bare_rocksdb.h"

#include "rocksdb/options.h"
#include "rocksdb/write_batch.h"

namespace vade::benchmarks {
namespace {

absl::Status ToStatus(const rocksdb::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return absl::UnavailableError(status.ToString());
}

}  // namespace

absl::StatusOr<std::unique_ptr<BareRocksDb>> BareRocksDb::Open(
    const std::string& path) {
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened = rocksdb::DB::Open(options, path, &db);
  if (!opened.ok()) return ToStatus(opened);
  return std::unique_ptr<BareRocksDb>(
      new BareRocksDb(std::unique_ptr<rocksdb::DB>(db)));
}

absl::Status BareRocksDb::WriteSynced(const storage::Mutation& mutation) {
  rocksdb::WriteBatch batch;
  for (const storage::Change& change : mutation.changes()) {
    rocksdb::Status added;
    switch (change.kind) {
      case storage::Change::Kind::kPut:
        added = batch.Put(change.key, change.value);
        break;
      case storage::Change::Kind::kDelete:
        added = batch.Delete(change.key);
        break;
      case storage::Change::Kind::kDeleteRange:
        added = batch.DeleteRange(change.key, change.value);
        break;
    }
    if (!added.ok()) return ToStatus(added);
  }
  rocksdb::WriteOptions options;
  options.sync = true;
  return ToStatus(db_->Write(options, &batch));
}

}  // namespace vade::benchmarks
