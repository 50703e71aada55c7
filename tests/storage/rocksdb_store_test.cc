// What a RocksDB store does beyond the conformance suite: how it opens, and
// what it says of folders that it must refuse.
#include "storage/rocksdb_store.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "storage/encoding.h"
#include "tests/catch.h"
#include "tests/storage/store_process.h"
#include "tests/storage/temp_folder.h"

namespace vade::storage {
namespace {

// The message of `status` has all of `parts`.
void CheckSays(const absl::Status& status,
               const std::vector<std::string>& parts) {
  CAPTURE(status.ToString());
  for (const std::string& part : parts) {
    CHECK(absl::StrContains(status.message(), part));
  }
}

RocksDbOptions At(const std::string& path) {
  RocksDbOptions options;
  options.path = path;
  return options;
}

std::unique_ptr<Store> MustOpen(const RocksDbOptions& options) {
  auto store = OpenRocksDbStore(options);
  INFO(store.status().ToString());
  REQUIRE(store.ok());
  return *std::move(store);
}

absl::Status PutOne(Store& store, const std::string& key,
                    const std::string& value) {
  Mutation mutation;
  mutation.Put(key, value);
  return store.Write(mutation);
}

bool Has(const Store& store, const std::string& key) {
  const auto value = store.Get(key);
  REQUIRE(value.ok());
  return value->has_value();
}

// The file with the largest name that ends in `extension`.
std::string NewestFile(const std::string& folder,
                       const std::string& extension) {
  std::string newest;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != extension) continue;
    newest = std::max(newest, entry.path().string());
  }
  REQUIRE(!newest.empty());
  return newest;
}

void FlipByte(const std::string& file, uint64_t offset) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(offset));
  const char byte = static_cast<char>(stream.get());
  stream.seekp(static_cast<std::streamoff>(offset));
  stream.put(static_cast<char>(byte ^ 0x10));
  REQUIRE(stream.good());
}

// A closed store whose log holds puts of "item00" to "item99".
std::string WriteLog(const TempFolder& folder) {
  const std::string path = folder / "store";
  const std::unique_ptr<Store> store = MustOpen(At(path));
  for (int i = 0; i < 100; ++i) {
    REQUIRE(
        PutOne(*store, absl::StrFormat("item%02d", i), std::string(100, 'v'))
            .ok());
  }
  return path;
}

TEST_CASE("Opening makes the folder and its parents", "[unit]") {
  const TempFolder folder;
  const std::string path = folder / "a/b/store";
  MustOpen(At(path));
  CHECK(std::filesystem::exists(path));
}

TEST_CASE("Options that make no sense are refused", "[unit]") {
  CHECK(absl::IsInvalidArgument(OpenRocksDbStore({}).status()));
  const TempFolder folder;
  RocksDbOptions options = At(folder / "store");
  options.sync = SyncMode::kInterval;
  options.sync_interval = absl::ZeroDuration();
  CHECK(absl::IsInvalidArgument(OpenRocksDbStore(options).status()));
  CHECK_FALSE(std::filesystem::exists(options.path));
}

TEST_CASE("A path that cannot be a folder is refused by name", "[unit]") {
  const TempFolder folder;
  const std::string file = folder / "file";
  std::ofstream(file) << "not a folder";
  const absl::Status status = OpenRocksDbStore(At(file + "/store")).status();
  CHECK(absl::IsFailedPrecondition(status));
  CheckSays(status, {file + "/store"});
}

TEST_CASE("A store opened twice by one process is refused", "[unit]") {
  const TempFolder folder;
  const std::string path = folder / "store";
  const std::unique_ptr<Store> store = MustOpen(At(path));
  const absl::Status status = OpenRocksDbStore(At(path)).status();
  CHECK(absl::IsFailedPrecondition(status));
  CheckSays(status, {path, "held by another process"});
  CHECK(PutOne(*store, "a", "1").ok());
}

TEST_CASE("A store that another process holds is refused", "[unit]") {
  const TempFolder folder;
  const std::string path = folder / "store";
  StoreProcess holder("hold", path, "always");
  REQUIRE(holder.ReadLine() == "open");
  const absl::Status status = OpenRocksDbStore(At(path)).status();
  CHECK(absl::IsFailedPrecondition(status));
  CheckSays(status, {path, "held by another process"});
  holder.Kill();
  MustOpen(At(path));
}

TEST_CASE("A new store says its format", "[unit]") {
  const TempFolder folder;
  const std::unique_ptr<Store> store = MustOpen(At(folder / "store"));
  const auto value = store->Get(FormatKey());
  REQUIRE(value.ok());
  REQUIRE(value->has_value());
  const auto record = DecodeFormat(FormatKey(), **value);
  REQUIRE(record.ok());
  CHECK(record->format == kFormat);
}

TEST_CASE("A store of an older format is raised when it is opened", "[unit]") {
  const TempFolder folder;
  const std::string path = folder / "store";
  const std::string key = FormatKey();
  FormatRecord older;
  older.format = kFormat - 1;
  REQUIRE(PutOne(*MustOpen(At(path)), key, Encode(key, older)).ok());
  const std::unique_ptr<Store> store = MustOpen(At(path));
  const auto value = store->Get(key);
  REQUIRE(value.ok());
  REQUIRE(value->has_value());
  CHECK(DecodeFormat(key, **value)->format == kFormat);
}

TEST_CASE("A store of a newer format is refused with both versions", "[unit]") {
  const TempFolder folder;
  const std::string path = folder / "store";
  FormatRecord newer;
  newer.format = kFormat + 7;
  const std::string key = FormatKey();
  REQUIRE(PutOne(*MustOpen(At(path)), key, Encode(key, newer)).ok());
  const absl::Status status = OpenRocksDbStore(At(path)).status();
  CHECK(absl::IsFailedPrecondition(status));
  CheckSays(status, {absl::StrCat("format ", kFormat + 7),
                     absl::StrCat("up to ", kFormat)});
}

TEST_CASE("A damaged format record is data loss", "[unit]") {
  const TempFolder folder;
  const std::string path = folder / "store";
  REQUIRE(PutOne(*MustOpen(At(path)), FormatKey(), "damaged").ok());
  CHECK(absl::IsDataLoss(OpenRocksDbStore(At(path)).status()));
}

TEST_CASE("A database of another program is refused", "[unit]") {
  const TempFolder folder;
  const std::string path = folder / "store";
  {
    const std::unique_ptr<Store> store = MustOpen(At(path));
    Mutation mutation;
    mutation.Delete(FormatKey());
    mutation.Put("theirs", "1");
    REQUIRE(store->Write(mutation).ok());
  }
  const absl::Status status = OpenRocksDbStore(At(path)).status();
  CHECK(absl::IsFailedPrecondition(status));
  CheckSays(status, {"another program"});
}

TEST_CASE("A torn last write is dropped without an error", "[unit]") {
  const TempFolder folder;
  const std::string path = WriteLog(folder);
  const std::string log = NewestFile(path, ".log");
  const uint64_t cut = GENERATE(1, 50, 120);
  CAPTURE(cut);
  std::filesystem::resize_file(log, std::filesystem::file_size(log) - cut);
  const std::unique_ptr<Store> store = MustOpen(At(path));
  CHECK(Has(*store, "item98"));
  CHECK_FALSE(Has(*store, "item99"));
}

TEST_CASE("Damage inside the log is data loss until the operator gives it up",
          "[unit]") {
  const TempFolder folder;
  const std::string path = WriteLog(folder);
  const std::string log = NewestFile(path, ".log");
  FlipByte(log, std::filesystem::file_size(log) / 2);
  const absl::Status status = OpenRocksDbStore(At(path)).status();
  CHECK(absl::IsDataLoss(status));
  CheckSays(status, {path, "recover_to_point_in_time"});

  RocksDbOptions options = At(path);
  options.recover_to_point_in_time = true;
  int kept = 0;
  {
    const std::unique_ptr<Store> store = MustOpen(options);
    while (kept < 100 && Has(*store, absl::StrFormat("item%02d", kept))) ++kept;
    CHECK(kept > 30);
    CHECK(kept < 70);
    for (int i = kept; i < 100; ++i) {
      CHECK_FALSE(Has(*store, absl::StrFormat("item%02d", i)));
    }
  }
  CHECK(Has(*MustOpen(At(path)), "item00"));
}

TEST_CASE("Damage inside a table is data loss for its readers", "[unit]") {
  const TempFolder folder;
  RocksDbOptions options = At(folder / "store");
  options.write_buffer_bytes = size_t{64} << 10;
  std::mt19937_64 random(5);
  {
    const std::unique_ptr<Store> store = MustOpen(options);
    for (int i = 0; i < 100; ++i) {
      std::string value(4000, '\0');
      for (char& byte : value) byte = static_cast<char>(random());
      REQUIRE(PutOne(*store, absl::StrFormat("item%02d", i), value).ok());
    }
  }
  // Opening writes what the log holds into tables.
  MustOpen(options);
  const std::unique_ptr<Store> store = MustOpen(options);
  // Half-way into a file are data blocks, since values make most of it.
  for (const auto& entry : std::filesystem::directory_iterator(options.path)) {
    if (entry.path().extension() != ".sst") continue;
    const uint64_t size = std::filesystem::file_size(entry.path());
    if (size > 20000) FlipByte(entry.path(), size / 2);
  }
  const std::unique_ptr<Cursor> cursor = store->Scan("item", "itemz");
  while (cursor->Valid()) cursor->Next();
  CHECK(absl::IsDataLoss(cursor->status()));
  CheckSays(cursor->status(), {options.path});
}

TEST_CASE("Tables without CURRENT are not taken for an empty store", "[unit]") {
  const TempFolder folder;
  const std::string path = WriteLog(folder);
  MustOpen(At(path));
  NewestFile(path, ".sst");
  std::filesystem::remove(path + "/CURRENT");
  CHECK(absl::IsDataLoss(OpenRocksDbStore(At(path)).status()));
}

TEST_CASE("Every sync mode keeps what was written over a reopen", "[unit]") {
  const SyncMode sync =
      GENERATE(SyncMode::kAlways, SyncMode::kInterval, SyncMode::kNever);
  const TempFolder folder;
  RocksDbOptions options = At(folder / "store");
  options.sync = sync;
  options.sync_interval = absl::Microseconds(100);
  for (int round = 0; round < 3; ++round) {
    const std::unique_ptr<Store> store = MustOpen(options);
    for (int i = 0; i < 100; ++i) {
      REQUIRE(PutOne(*store, absl::StrCat("k", round, "-", i), "v").ok());
    }
  }
  const std::unique_ptr<Store> store = MustOpen(options);
  for (int round = 0; round < 3; ++round) {
    CHECK(Has(*store, absl::StrCat("k", round, "-99")));
  }
}

TEST_CASE("A memory disk leaves nothing on the real one", "[unit]") {
  const TempFolder folder;
  MemoryDisk disk;
  RocksDbOptions options = At(folder / "store");
  options.memory_disk = &disk;
  options.sync =
      GENERATE(SyncMode::kAlways, SyncMode::kInterval, SyncMode::kNever);
  REQUIRE(PutOne(*MustOpen(options), "a", "1").ok());
  CHECK(Has(*MustOpen(options), "a"));
  CHECK_FALSE(std::filesystem::exists(options.path));
}

TEST_CASE("The store says about how many bytes it takes", "[unit]") {
  const TempFolder folder;
  const std::unique_ptr<Store> store = MustOpen(At(folder / "store"));
  REQUIRE(PutOne(*store, "a", std::string(size_t{1} << 20, 'v')).ok());
  CHECK(store->ApproximateBytes() > size_t{1} << 20);
}

}  // namespace
}  // namespace vade::storage
