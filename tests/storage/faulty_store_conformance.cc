// The conformance suite on a FaultyStore that is told to fail nothing.
#include "storage/rocksdb_store.h"
#include "tests/catch.h"
#include "tests/storage/faulty_store.h"
#include "tests/storage/store_conformance.h"

namespace vade::storage {
namespace {

class FaultlessStore : public StoreUnderTest {
 public:
  FaultlessStore() {
    RocksDbOptions options;
    options.path = "/store";
    options.memory_disk = &disk_;
    auto store = OpenRocksDbStore(options);
    REQUIRE(store.ok());
    base_ = *std::move(store);
  }

  Store& Reopen() override {
    store_ = std::make_unique<FaultyStore>(*base_);
    return *store_;
  }

 private:
  MemoryDisk disk_;
  std::unique_ptr<Store> base_;
  std::unique_ptr<FaultyStore> store_;
};

}  // namespace

std::unique_ptr<StoreUnderTest> MakeStoreUnderTest() {
  return std::make_unique<FaultlessStore>();
}

}  // namespace vade::storage
