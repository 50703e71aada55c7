// OpenRocksDbStore: the Store that is used when nothing else is configured, an
// embedded RocksDB in one folder of the local disk. No RocksDB type shows
// here. The returned Store is thread-safe and owns its threads and files.
#ifndef VADE_STORAGE_ROCKSDB_STORE_H_
#define VADE_STORAGE_ROCKSDB_STORE_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/store.h"

namespace vade::storage {

// What a Write that returned OK survives; storage/README.md has the table.
enum class SyncMode {
  kAlways,    // kill -9 and power loss
  kInterval,  // kill -9; power loss costs at most the last sync_interval
  kNever,     // kill -9; power loss costs what the OS had not written yet
};

// A disk in memory, for tests and dry runs: a store opened on it a second
// time finds what the first one wrote. Thread-safe. Must outlive its stores.
class MemoryDisk {
 public:
  MemoryDisk();
  ~MemoryDisk();
  MemoryDisk(const MemoryDisk&) = delete;
  MemoryDisk& operator=(const MemoryDisk&) = delete;

  struct Impl;
  Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

struct RocksDbOptions {
  // Folder of the store; created, parents too, if it is not there.
  std::string path;
  SyncMode sync = SyncMode::kAlways;
  // kInterval only; > 0.
  absl::Duration sync_interval = absl::Seconds(1);
  // Memory for blocks read from disk, and for one buffer of recent writes (up
  // to four of them exist while the disk cannot keep up).
  size_t block_cache_bytes = size_t{32} << 20;
  size_t write_buffer_bytes = size_t{16} << 20;
  // An operator's answer to DATA_LOSS from a damaged log: open at the last
  // point before the damage, and give up every write after it.
  bool recover_to_point_in_time = false;
  // Takes RocksDB's warnings and errors, one line each of 1 KiB at most, from
  // any thread; must not block. Empty: they are dropped (every error that
  // matters to a caller is also a Status).
  std::function<void(const std::string& line)> log;
  // Keep everything here instead of on the disk; null: on the disk.
  MemoryDisk* memory_disk = nullptr;
};

// Opens the store, creating it if the folder holds none. Errors:
// FAILED_PRECONDITION: another process holds the folder, a newer version of
// the server wrote it, it is another program's, or it cannot be created.
// DATA_LOSS: the files are damaged. UNAVAILABLE: I/O error or disk full.
// INVALID_ARGUMENT: the options. A store that existed is unchanged on failure.
absl::StatusOr<std::unique_ptr<Store>> OpenRocksDbStore(
    const RocksDbOptions& options);

}  // namespace vade::storage

#endif  // VADE_STORAGE_ROCKSDB_STORE_H_
