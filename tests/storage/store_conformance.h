// The conformance suite of Store: what every implementation must do, as tests
// in store_conformance.cc. A test program for one kind of store links that
// file (CMake: vade_store_conformance) and defines MakeStoreUnderTest().
//
// Keys whose first byte is 0x00 are a store's own; the suite uses none.
#ifndef VADE_TESTS_STORAGE_STORE_CONFORMANCE_H_
#define VADE_TESTS_STORAGE_STORE_CONFORMANCE_H_

#include <memory>

#include "storage/store.h"

namespace vade::storage {

// Bytes, empty at first, and at most one store open on them.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;

  // Closes the open store, if there is one, and opens it again on the same
  // bytes.
  virtual Store& Reopen() = 0;
};

// Defined by each test program.
std::unique_ptr<StoreUnderTest> MakeStoreUnderTest();

}  // namespace vade::storage

#endif  // VADE_TESTS_STORAGE_STORE_CONFORMANCE_H_
