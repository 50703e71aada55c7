// The faults of a FaultyStore, so that tests built on it mean what they say.
#include "tests/storage/faulty_store.h"

#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "storage/rocksdb_store.h"
#include "tests/catch.h"

namespace vade::storage {
namespace {

struct Base {
  Base() {
    RocksDbOptions options;
    options.path = "/store";
    options.memory_disk = &disk;
    auto opened = OpenRocksDbStore(options);
    REQUIRE(opened.ok());
    store = *std::move(opened);
  }

  MemoryDisk disk;
  std::unique_ptr<Store> store;
};

Mutation PutOf(const std::string& key) {
  Mutation mutation;
  mutation.Put(key, "v");
  return mutation;
}

bool Has(const Store& store, const std::string& key) {
  const auto value = store.Get(key);
  REQUIRE(value.ok());
  return value->has_value();
}

TEST_CASE("The n-th write fails, and every later one with the same error",
          "[unit]") {
  const FailedWrite outcome =
      GENERATE(FailedWrite::kAbsent, FailedWrite::kPresent);
  const Base base;
  FaultyStore store(*base.store);
  REQUIRE(store.Write(PutOf("a")).ok());
  store.FailWrite(2, outcome);
  CHECK(store.Write(PutOf("b")).ok());
  const absl::Status failure = store.Write(PutOf("c"));
  CHECK(absl::IsUnavailable(failure));
  CHECK(store.Write(PutOf("d")) == failure);
  CHECK(Has(store, "b"));
  CHECK_FALSE(Has(store, "c"));
  CHECK_FALSE(Has(store, "d"));
  CHECK(store.writes() == 3);

  store.Restart();
  CHECK(Has(store, "c") == (outcome == FailedWrite::kPresent));
  CHECK_FALSE(Has(store, "d"));
  CHECK(store.Write(PutOf("e")).ok());
}

TEST_CASE("The end of a faulty store is a restart", "[unit]") {
  const Base base;
  {
    FaultyStore store(*base.store);
    store.FailWrite(1, FailedWrite::kPresent);
    CHECK_FALSE(store.Write(PutOf("a")).ok());
    CHECK_FALSE(Has(*base.store, "a"));
  }
  CHECK(Has(*base.store, "a"));
}

TEST_CASE("Reads fail when told to and writes do not", "[unit]") {
  const Base base;
  FaultyStore store(*base.store);
  store.FailReads(absl::DataLossError("damaged"));
  CHECK(absl::IsDataLoss(store.Get("a").status()));
  CHECK(absl::IsDataLoss(store.MultiGet({"a"}).status()));
  const std::unique_ptr<Cursor> cursor = store.Scan("a", "b");
  CHECK_FALSE(cursor->Valid());
  CHECK(absl::IsDataLoss(cursor->status()));
  CHECK(store.Write(PutOf("a")).ok());
  store.FailReads(absl::OkStatus());
  CHECK(Has(store, "a"));
}

TEST_CASE("Blocked writes wait until they are let go", "[unit]") {
  const Base base;
  FaultyStore store(*base.store);
  store.BlockWrites();
  std::thread first([&store] { store.Write(PutOf("a")).IgnoreError(); });
  std::thread second([&store] { store.Write(PutOf("b")).IgnoreError(); });
  store.WaitForBlockedWrites(2);
  CHECK_FALSE(Has(store, "a"));
  CHECK(store.writes() == 0);
  store.UnblockWrites();
  first.join();
  second.join();
  CHECK(Has(store, "a"));
  CHECK(Has(store, "b"));
}

TEST_CASE("The record has the applied mutations in their order", "[unit]") {
  const Base base;
  FaultyStore store(*base.store);
  REQUIRE(store.Write(PutOf("before")).ok());
  store.Record();
  REQUIRE(store.Write(PutOf("a")).ok());
  store.FailWrite(1, FailedWrite::kAbsent);
  CHECK_FALSE(store.Write(PutOf("b")).ok());
  store.Restart();
  REQUIRE(store.Write(PutOf("c")).ok());
  const auto mutations = store.mutations();
  REQUIRE(mutations.size() == 2);
  CHECK(mutations[0].changes()[0].key == "a");
  CHECK(mutations[1].changes()[0].key == "c");
}

}  // namespace
}  // namespace vade::storage
