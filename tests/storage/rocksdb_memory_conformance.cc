// The conformance suite on a RocksDB store on a disk in memory.
#include "storage/rocksdb_store.h"
#include "tests/catch.h"
#include "tests/storage/store_conformance.h"

namespace vade::storage {
namespace {

class MemoryDiskStore : public StoreUnderTest {
 public:
  Store& Reopen() override {
    store_.reset();
    RocksDbOptions options;
    options.path = "/store";
    options.memory_disk = &disk_;
    auto store = OpenRocksDbStore(options);
    INFO(store.status().ToString());
    REQUIRE(store.ok());
    store_ = *std::move(store);
    return *store_;
  }

 private:
  MemoryDisk disk_;
  std::unique_ptr<Store> store_;
};

}  // namespace

std::unique_ptr<StoreUnderTest> MakeStoreUnderTest() {
  return std::make_unique<MemoryDiskStore>();
}

}  // namespace vade::storage
