// The conformance suite on the store that the simulation runs on.
#include "tests/simulation/map_store.h"
#include "tests/storage/store_conformance.h"

namespace vade::storage {
namespace {

class MapStoreUnderTest : public StoreUnderTest {
 public:
  Store& Reopen() override { return store_; }

 private:
  simulation::MapStore store_;
};

}  // namespace

std::unique_ptr<StoreUnderTest> MakeStoreUnderTest() {
  return std::make_unique<MapStoreUnderTest>();
}

}  // namespace vade::storage
