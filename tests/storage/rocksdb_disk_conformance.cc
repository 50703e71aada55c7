// The conformance suite on a RocksDB store in a folder.
#include "storage/rocksdb_store.h"
#include "tests/catch.h"
#include "tests/storage/store_conformance.h"
#include "tests/storage/temp_folder.h"

namespace vade::storage {
namespace {

class DiskStore : public StoreUnderTest {
 public:
  Store& Reopen() override {
    store_.reset();
    RocksDbOptions options;
    options.path = folder_ / "store";
    auto store = OpenRocksDbStore(options);
    INFO(store.status().ToString());
    REQUIRE(store.ok());
    store_ = *std::move(store);
    return *store_;
  }

 private:
  TempFolder folder_;
  std::unique_ptr<Store> store_;
};

}  // namespace

std::unique_ptr<StoreUnderTest> MakeStoreUnderTest() {
  return std::make_unique<DiskStore>();
}

}  // namespace vade::storage
