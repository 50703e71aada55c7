#include "storage/rocksdb_store.h"

#include <atomic>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "rocksdb/cache.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/options.h"
#include "rocksdb/table.h"
#include "rocksdb/write_batch.h"
#include "storage/encoding.h"
#include "storage/keys.h"
#include "storage/mutex.h"

namespace vade::storage {

struct MemoryDisk::Impl {
  std::unique_ptr<rocksdb::Env> env;
};

MemoryDisk::MemoryDisk() : impl_(std::make_unique<Impl>()) {
  impl_->env.reset(rocksdb::NewMemEnv(rocksdb::Env::Default()));
}
MemoryDisk::~MemoryDisk() = default;

namespace {

rocksdb::Slice ToSlice(std::string_view bytes) {
  return rocksdb::Slice(bytes.data(), bytes.size());
}

// What readers and writers see of an error of an open store.
absl::Status ToStatus(const rocksdb::Status& status, std::string_view what,
                      const std::string& path) {
  if (status.ok()) return absl::OkStatus();
  const std::string message =
      absl::StrCat(absl::string_view(what.data(), what.size()),
                   " the store in ", path, " failed: ", status.ToString());
  return status.IsCorruption() ? absl::DataLossError(message)
                               : absl::UnavailableError(message);
}

// Hands RocksDB's warnings to the caller. Its own log file is never used: once
// a full disk has failed one line of it, the next line aborts the process in a
// RocksDB that was built with assertions, as Debian's is.
class ForwardingLogger : public rocksdb::Logger {
 public:
  explicit ForwardingLogger(std::function<void(const std::string&)> log)
      : Logger(rocksdb::InfoLogLevel::WARN_LEVEL), log_(std::move(log)) {}

  void Logv(const rocksdb::InfoLogLevel level, const char* format,
            va_list arguments) override {
    if (!log_ || level < GetInfoLogLevel()) return;
    char line[1024];
    std::vsnprintf(line, sizeof(line), format, arguments);
    log_(line);
  }
  using Logger::Logv;

 private:
  const std::function<void(const std::string&)> log_;
};

class RocksDbCursor : public Cursor {
 public:
  RocksDbCursor(rocksdb::DB& db, std::string path, const std::string& begin,
                std::string end)
      : path_(std::move(path)), end_(std::move(end)), end_slice_(end_) {
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = &end_slice_;
    // A scan reads everything once and would push out what is read often.
    options.fill_cache = false;
    options.readahead_size = size_t{2} << 20;
    iterator_.reset(db.NewIterator(options));
    // RocksDB does not define a range whose end is before its begin.
    if (begin < end_) iterator_->Seek(begin);
  }

  bool Valid() const override { return iterator_->Valid(); }
  void Next() override { iterator_->Next(); }
  std::string_view key() const override {
    return {iterator_->key().data(), iterator_->key().size()};
  }
  std::string_view value() const override {
    return {iterator_->value().data(), iterator_->value().size()};
  }
  absl::Status status() const override {
    return ToStatus(iterator_->status(), "a scan of", path_);
  }

 private:
  const std::string path_;
  const std::string end_;
  const rocksdb::Slice end_slice_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

class RocksDbStore : public Store {
 public:
  RocksDbStore(const RocksDbOptions& options, std::unique_ptr<rocksdb::DB> db)
      : path_(options.path),
        sync_each_write_(options.sync == SyncMode::kAlways),
        db_(std::move(db)) {
    // A disk in memory has nothing to sync to, and cannot while it is written.
    if (options.sync == SyncMode::kInterval && options.memory_disk == nullptr) {
      sync_thread_ = std::thread(
          [this, interval = options.sync_interval] { SyncEvery(interval); });
    }
  }

  ~RocksDbStore() override {
    if (sync_thread_.joinable()) {
      {
        MutexLock lock(mu_);
        stopping_ = true;
      }
      stop_.NotifyAll();
      sync_thread_.join();
    }
    // Nothing to tell a caller: what was answered is in the log already.
    db_->Close().PermitUncheckedError();
  }

  absl::Status Write(const Mutation& mutation) override {
    if (absl::Status failed = FirstFailure(); !failed.ok()) return failed;
    if (mutation.empty()) return absl::OkStatus();
    // Each change takes a tag and two lengths beside its bytes.
    constexpr size_t kBytesPerChange = 11;
    constexpr size_t kHeaderBytes = 12;
    rocksdb::WriteBatch batch(kHeaderBytes + mutation.bytes() +
                              mutation.size() * kBytesPerChange);
    rocksdb::Status status = Fill(mutation, batch);
    if (status.ok()) {
      rocksdb::WriteOptions options;
      options.sync = sync_each_write_;
      status = db_->Write(options, &batch);
    }
    if (!status.ok()) return Latch(status);
    if (!sync_each_write_) unsynced_.store(true, std::memory_order_release);
    return absl::OkStatus();
  }

  bool WritesWait() const override { return sync_each_write_; }

  absl::StatusOr<std::optional<std::string>> Get(
      std::string_view key) const override {
    std::string value;
    const rocksdb::Status status =
        db_->Get(rocksdb::ReadOptions(), ToSlice(key), &value);
    return Found(status, std::move(value));
  }

  absl::StatusOr<std::vector<std::optional<std::string>>> MultiGet(
      const std::vector<std::string>& keys) const override {
    const std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
    std::vector<std::string> values;
    const std::vector<rocksdb::Status> statuses =
        db_->MultiGet(rocksdb::ReadOptions(), slices, &values);
    std::vector<std::optional<std::string>> result;
    result.reserve(keys.size());
    for (size_t i = 0; i < keys.size(); ++i) {
      auto found = Found(statuses[i], std::move(values[i]));
      if (!found.ok()) return found.status();
      result.push_back(*std::move(found));
    }
    return result;
  }

  std::unique_ptr<Cursor> Scan(std::string begin,
                               std::string end) const override {
    return std::make_unique<RocksDbCursor>(*db_, path_, begin, std::move(end));
  }

  uint64_t ApproximateBytes() const override {
    uint64_t tables = 0;
    uint64_t buffers = 0;  // stands for the log, which RocksDB does not tell
    db_->GetIntProperty(rocksdb::DB::Properties::kTotalSstFilesSize, &tables);
    db_->GetIntProperty(rocksdb::DB::Properties::kCurSizeAllMemTables,
                        &buffers);
    return tables + buffers;
  }

 private:
  static rocksdb::Status Fill(const Mutation& mutation,
                              rocksdb::WriteBatch& batch) {
    for (const Change& change : mutation.changes()) {
      rocksdb::Status status;
      switch (change.kind) {
        case Change::Kind::kPut:
          status = batch.Put(change.key, change.value);
          break;
        case Change::Kind::kDelete:
          status = batch.Delete(change.key);
          break;
        case Change::Kind::kDeleteRange:
          // RocksDB does not define a range whose end is before its begin.
          if (change.key < change.value) {
            status = batch.DeleteRange(change.key, change.value);
          }
          break;
      }
      if (!status.ok()) return status;
    }
    return rocksdb::Status::OK();
  }

  absl::StatusOr<std::optional<std::string>> Found(
      const rocksdb::Status& status, std::string value) const {
    if (status.ok()) return std::optional<std::string>(std::move(value));
    if (status.IsNotFound()) return std::optional<std::string>();
    return ToStatus(status, "a read of", path_);
  }

  absl::Status FirstFailure() {
    MutexLock lock(mu_);
    return failure_;
  }

  // Makes the first failure the answer to every later Write. RocksDB may mend
  // itself and take writes again; a caller whose memory ran ahead of the disk
  // could not.
  absl::Status Latch(const rocksdb::Status& status) {
    MutexLock lock(mu_);
    if (failure_.ok()) {
      failure_ = absl::UnavailableError(absl::StrCat(
          "a write to the store in ", path_, " failed: ", status.ToString(),
          "; the store takes no more writes until it is opened again, once the "
          "cause is gone"));
    }
    return failure_;
  }

  void SyncEvery(absl::Duration interval) {
    bool stopping = false;
    while (!stopping) {
      {
        MutexLock lock(mu_);
        // An early wake-up costs one early sync at most.
        if (!stopping_) stop_.WaitFor(mu_, interval);
        stopping = stopping_;
      }
      if (!unsynced_.exchange(false, std::memory_order_acq_rel)) continue;
      // A synced write of nothing: it waits its turn among the writes. SyncWAL
      // would not, and beside a write that fails it aborts the process in a
      // RocksDB that was built with assertions.
      rocksdb::WriteOptions options;
      options.sync = true;
      rocksdb::WriteBatch nothing;
      const rocksdb::Status status = db_->Write(options, &nothing);
      if (!status.ok()) Latch(status).IgnoreError();
    }
  }

  const std::string path_;
  const bool sync_each_write_;
  const std::unique_ptr<rocksdb::DB> db_;
  // Whether a write came in since the last sync. Atomic since every Write sets
  // it and would otherwise take mu_ a second time.
  std::atomic<bool> unsynced_{false};
  Mutex mu_;
  CondVar stop_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
  std::thread sync_thread_;
};

// storage/README.md gives the reasons of the less obvious choices.
rocksdb::Options EngineOptions(const RocksDbOptions& options) {
  rocksdb::Options engine;
  engine.create_if_missing = true;
  if (options.memory_disk != nullptr) {
    engine.env = options.memory_disk->impl().env.get();
  }
  engine.paranoid_checks = true;
  // A torn last record is what a crash leaves. Damage before it means that
  // answered changes are gone, which an operator must decide on, except where
  // the sync mode gave them up to a power loss beforehand.
  engine.wal_recovery_mode =
      options.sync == SyncMode::kAlways && !options.recover_to_point_in_time
          ? rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords
          : rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  engine.max_bgerror_resume_count = 0;  // a failure is final; see Latch()

  // Few, small records are overwritten again and again: a large buffer takes
  // most overwrites before they cost a disk write, and parts of it that fit the
  // processor's cache are quicker to find a place in.
  constexpr int kBufferParts = 8;
  engine.write_buffer_size = options.write_buffer_bytes / kBufferParts;
  engine.min_write_buffer_number_to_merge = kBufferParts;
  engine.max_write_buffer_number = 4 * kBufferParts;
  engine.max_background_jobs = 4;
  engine.level_compaction_dynamic_level_bytes = true;
  // Much of what was written last is gone soon: it is not compressed, and
  // merged late.
  engine.compression_per_level = {rocksdb::kNoCompression,
                                  rocksdb::kLZ4Compression};
  engine.level0_file_num_compaction_trigger = 8;
  engine.bytes_per_sync = uint64_t{1} << 20;

  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(options.block_cache_bytes);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = 5;
  engine.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));

  engine.info_log = std::make_shared<ForwardingLogger>(options.log);
  engine.stats_dump_period_sec = 0;
  engine.stats_persist_period_sec = 0;
  return engine;
}

absl::Status CheckOptions(const RocksDbOptions& options) {
  if (options.path.empty()) {
    return absl::InvalidArgumentError("path is empty; it must name a folder");
  }
  if (options.sync == SyncMode::kInterval &&
      options.sync_interval <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "sync_interval is ", absl::FormatDuration(options.sync_interval),
        "; it must be longer than 0"));
  }
  return absl::OkStatus();
}

// Makes the folder, and refuses one that holds data without the file that says
// which of it counts: RocksDB would start an empty store in its place.
absl::Status PrepareFolder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    return absl::FailedPreconditionError(absl::StrCat(
        "cannot create the store's folder ", path, ": ", error.message()));
  }
  std::filesystem::directory_iterator entries(path, error);
  if (error) {
    return absl::FailedPreconditionError(absl::StrCat(
        "cannot read the store's folder ", path, ": ", error.message()));
  }
  bool has_current = false;
  bool has_tables = false;
  for (const auto& entry : entries) {
    has_current |= entry.path().filename() == "CURRENT";
    has_tables |= entry.path().extension() == ".sst";
  }
  if (has_tables && !has_current) {
    return absl::DataLossError(
        absl::StrCat("the store in ", path,
                     " has lost its file CURRENT; restore it from a backup"));
  }
  return absl::OkStatus();
}

absl::Status OpenFailure(const rocksdb::Status& status,
                         const RocksDbOptions& options) {
  const std::string text = status.ToString();
  // RocksDB has no code of its own for a lock that somebody holds.
  if (status.IsIOError() && absl::StrContains(text, "lock") &&
      !absl::StrContains(text, "Permission denied")) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the store in ", options.path,
        " is held by another process (or opened twice by this one): ", text));
  }
  if (status.IsCorruption()) {
    return absl::DataLossError(absl::StrCat(
        "the store in ", options.path, " is damaged: ", text,
        "; restore a backup, or, if the damage is in the log, open it with "
        "recover_to_point_in_time, which gives up all later changes"));
  }
  if (status.IsInvalidArgument() || status.IsNotSupported()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the store in ", options.path, " cannot be opened: ", text));
  }
  return ToStatus(status, "opening", options.path);
}

// Writes the format record into a new store, checks that of an old one and
// raises it: what is written from now on, older programs could not read.
absl::Status CheckFormat(Store& store, const std::string& path) {
  const std::string key = FormatKey();
  const auto value = store.Get(key);
  if (!value.ok()) return value.status();
  Mutation mutation;
  mutation.Put(key, Encode(key, FormatRecord{kFormat}));
  if (value->has_value()) {
    const absl::StatusOr<FormatRecord> record = DecodeFormat(key, **value);
    if (!record.ok()) return record.status();
    if (record->format > kFormat) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the store in ", path, " has format ", record->format,
          ", written by a newer version; this program knows formats up to ",
          kFormat));
    }
    if (record->format == kFormat) return absl::OkStatus();
    return store.Write(mutation);
  }
  const std::unique_ptr<Cursor> any = store.Scan("", "\xff");
  if (any->Valid()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the folder ", path, " holds a RocksDB database of another program"));
  }
  if (!any->status().ok()) return any->status();
  return store.Write(mutation);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenRocksDbStore(
    const RocksDbOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  if (options.memory_disk == nullptr) {
    if (absl::Status status = PrepareFolder(options.path); !status.ok()) {
      return status;
    }
  }
  rocksdb::DB* opened = nullptr;
  const rocksdb::Status status =
      rocksdb::DB::Open(EngineOptions(options), options.path, &opened);
  if (!status.ok()) return OpenFailure(status, options);
  auto store = std::make_unique<RocksDbStore>(
      options, std::unique_ptr<rocksdb::DB>(opened));
  if (absl::Status format = CheckFormat(*store, options.path); !format.ok()) {
    return format;
  }
  return std::unique_ptr<Store>(std::move(store));
}

}  // namespace vade::storage
