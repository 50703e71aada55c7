// A RocksDB store under real faults: a disk that is full, a process that dies.
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "storage/rocksdb_store.h"
#include "tests/catch.h"
#include "tests/storage/store_process.h"
#include "tests/storage/temp_folder.h"

namespace vade::storage {
namespace {

std::unique_ptr<Store> MustOpen(const std::string& path) {
  RocksDbOptions options;
  options.path = path;
  options.write_buffer_bytes = size_t{256} << 10;
  auto store = OpenRocksDbStore(options);
  INFO(store.status().ToString());
  REQUIRE(store.ok());
  return *std::move(store);
}

std::string ItemKey(uint64_t i) { return absl::StrFormat("item%08d", i); }

absl::Status PutItem(Store& store, uint64_t i) {
  // Does not compress, so that a small disk fills soon.
  std::mt19937_64 random(i);
  std::string value(4000, '\0');
  for (char& byte : value) byte = static_cast<char>(random());
  Mutation mutation;
  mutation.Put(ItemKey(i), std::move(value));
  return store.Write(mutation);
}

uint64_t CountItems(const Store& store) {
  uint64_t count = 0;
  const std::unique_ptr<Cursor> cursor = store.Scan("item", "iten");
  for (; cursor->Valid(); cursor->Next()) {
    CHECK(cursor->key() == ItemKey(count));
    ++count;
  }
  CHECK(cursor->status().ok());
  return count;
}

// Writes items until one fails, and checks all that Store promises of that.
// Returns how many were answered OK.
uint64_t WriteUntilFailure(Store& store, uint64_t limit) {
  uint64_t written = 0;
  absl::Status failure;
  while (written < limit && failure.ok()) {
    failure = PutItem(store, written);
    if (failure.ok()) ++written;
  }
  INFO(failure.ToString());
  REQUIRE(absl::IsUnavailable(failure));
  REQUIRE(written > 0);
  CHECK(PutItem(store, written + 1) == failure);
  CHECK(store.Get(ItemKey(written))->has_value() == false);
  CHECK(store.Get(ItemKey(0))->has_value());
  CHECK(CountItems(store) == written);
  return written;
}

// Caps the size of every file this process writes, as a full disk would, for
// as long as it lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    previous_handler_ = signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &previous_);
    const rlimit limit{bytes, previous_.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &previous_);
    signal(SIGXFSZ, previous_handler_);
  }

 private:
  rlimit previous_;
  void (*previous_handler_)(int);
};

TEST_CASE("A failed write stops writes and no reads, and a reopen mends it",
          "[crash]") {
  const TempFolder folder;
  const std::string path = folder / "store";
  const uint64_t limit_kib = GENERATE(20, 100, 200, 250);
  CAPTURE(limit_kib);
  uint64_t written = 0;
  {
    const std::unique_ptr<Store> store = MustOpen(path);
    const FileSizeLimit limit(rlim_t{limit_kib} << 10);
    written = WriteUntilFailure(*store, 1000);
  }
  const std::unique_ptr<Store> store = MustOpen(path);
  // Everything answered, and the failed write either wholly or not at all.
  const uint64_t found = CountItems(*store);
  CHECK(found >= written);
  CHECK(found <= written + 1);
  CHECK(PutItem(*store, found).ok());
}

TEST_CASE("A write that fails latches even if the cause goes at once",
          "[crash]") {
  const TempFolder folder;
  const std::unique_ptr<Store> store = MustOpen(folder / "store");
  absl::Status failure;
  {
    const FileSizeLimit limit(rlim_t{1} << 10);
    failure = PutItem(*store, 0);
    CHECK(absl::IsUnavailable(failure));
  }
  CHECK(PutItem(*store, 1) == failure);
  CHECK(CountItems(*store) == 0);
}

TEST_CASE("Writers beside the one that fails lose nothing answered",
          "[crash]") {
  constexpr uint64_t kThreads = 4;
  const SyncMode sync =
      GENERATE(SyncMode::kAlways, SyncMode::kInterval, SyncMode::kNever);
  const uint64_t limit_kib = GENERATE(10, 50, 150, 240);
  CAPTURE(static_cast<int>(sync), limit_kib);
  const TempFolder folder;
  RocksDbOptions options;
  options.path = folder / "store";
  options.sync = sync;
  options.sync_interval = absl::Microseconds(100);
  options.write_buffer_bytes = size_t{256} << 10;
  std::vector<uint64_t> written(kThreads, 0);
  {
    auto store = OpenRocksDbStore(options);
    REQUIRE(store.ok());
    const FileSizeLimit limit(rlim_t{limit_kib} << 10);
    std::vector<std::thread> threads;
    for (uint64_t thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&store, &count = written[thread], thread] {
        while (count < 1000 && PutItem(**store, thread * 1000 + count).ok()) {
          ++count;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  auto store = OpenRocksDbStore(options);
  INFO(store.status().ToString());
  REQUIRE(store.ok());
  for (uint64_t thread = 0; thread < kThreads; ++thread) {
    CHECK(written[thread] < 1000);
    for (uint64_t i = 0; i < written[thread]; ++i) {
      REQUIRE((*store)->Get(ItemKey(thread * 1000 + i))->has_value());
    }
  }
}

// A disk in memory of a few megabytes, mounted for as long as this lives.
class SmallDisk {
 public:
  SmallDisk(const std::string& path, const std::string& size) : path_(path) {
    std::filesystem::create_directory(path);
    mounted_ = Mount(0, size);
  }
  ~SmallDisk() {
    if (mounted_) umount2(path_.c_str(), MNT_DETACH);
  }

  bool mounted() const { return mounted_; }
  bool Resize(const std::string& size) { return Mount(MS_REMOUNT, size); }

 private:
  bool Mount(unsigned long flags, const std::string& size) {
    return mount("tmpfs", path_.c_str(), "tmpfs", flags,
                 ("size=" + size).c_str()) == 0;
  }

  const std::string path_;
  bool mounted_ = false;
};

TEST_CASE("A full disk is unavailable, and nothing answered is lost",
          "[crash]") {
  const std::string size = GENERATE("2m", "3m", "4m", "5m");
  CAPTURE(size);
  const TempFolder folder;
  SmallDisk disk(folder / "disk", size);
  if (!disk.mounted()) {
    WARN("SKIPPED: mounting a small tmpfs needs root (CAP_SYS_ADMIN)");
    return;
  }
  const std::string path = folder / "disk/store";
  const uint64_t written = WriteUntilFailure(*MustOpen(path), 10000);
  REQUIRE(disk.Resize("32m"));
  const std::unique_ptr<Store> store = MustOpen(path);
  const uint64_t found = CountItems(*store);
  CHECK(found >= written);
  CHECK(found <= written + 1);
  CHECK(PutItem(*store, found).ok());
}

TEST_CASE("Opening on a full disk loses nothing answered", "[crash]") {
  const TempFolder folder;
  SmallDisk disk(folder / "disk", "3m");
  if (!disk.mounted()) {
    WARN("SKIPPED: mounting a small tmpfs needs root (CAP_SYS_ADMIN)");
    return;
  }
  RocksDbOptions options;
  options.path = folder / "disk/store";
  uint64_t written = WriteUntilFailure(*MustOpen(options.path), 10000);
  for (int attempt = 0; attempt < 3; ++attempt) {
    const auto store = OpenRocksDbStore(options);
    INFO(store.status().ToString());
    if (store.ok()) {
      CHECK(CountItems(**store) >= written);
    } else {
      CHECK(absl::IsUnavailable(store.status()));
    }
  }
  REQUIRE(disk.Resize("32m"));
  CHECK(CountItems(*MustOpen(options.path)) >= written);
}

TEST_CASE("A disk too small for a new store is unavailable until it grows",
          "[crash]") {
  const std::string size = GENERATE("4k", "8k", "16k", "24k", "32k");
  CAPTURE(size);
  const TempFolder folder;
  SmallDisk disk(folder / "disk", size);
  if (!disk.mounted()) {
    WARN("SKIPPED: mounting a small tmpfs needs root (CAP_SYS_ADMIN)");
    return;
  }
  RocksDbOptions options;
  options.path = folder / "disk/store";
  if (const auto store = OpenRocksDbStore(options); !store.ok()) {
    INFO(store.status().ToString());
    CHECK(absl::IsUnavailable(store.status()));
  }
  REQUIRE(disk.Resize("32m"));
  CHECK(PutItem(*MustOpen(options.path), 0).ok());
}

TEST_CASE("A write that was answered survives kill -9", "[crash]") {
  const std::string sync = GENERATE("always", "interval", "never");
  const uint64_t kill_after = GENERATE(1, 17, 600, 2500);
  CAPTURE(sync, kill_after);
  const TempFolder folder;
  const std::string path = folder / "store";
  StoreProcess writer("write", path, sync);
  std::string answered = "0";
  for (uint64_t i = 0; i < kill_after; ++i) answered = writer.ReadLine();
  writer.Kill();
  for (std::string line; line = writer.ReadLine(), !line.empty();) {
    answered = line;
  }
  uint64_t last_answered = 0;
  REQUIRE(absl::SimpleAtoi(answered, &last_answered));
  REQUIRE(last_answered >= kill_after);

  const std::unique_ptr<Store> store = MustOpen(path);
  const auto values = store->MultiGet({"first", "last"});
  REQUIRE(values.ok());
  REQUIRE((*values)[0].has_value());
  CHECK((*values)[0] == (*values)[1]);
  uint64_t found = 0;
  REQUIRE(absl::SimpleAtoi(*(*values)[0], &found));
  // One more may have been written and not yet answered.
  CHECK(found >= last_answered);
  CHECK(found <= last_answered + 1);
  for (uint64_t i = 1; i <= found; ++i) {
    REQUIRE(store->Get(ItemKey(i))->has_value());
  }
  CHECK_FALSE(store->Get(ItemKey(found + 1))->has_value());
}

}  // namespace
}  // namespace vade::storage
