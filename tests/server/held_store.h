// HeldStore: a store in memory whose reads wait until the test lets them go on,
// so that a server goes on loading. Thread-safe.
#ifndef VADE_TESTS_SERVER_HELD_STORE_H_
#define VADE_TESTS_SERVER_HELD_STORE_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "storage/mutex.h"
#include "tests/simulation/map_store.h"

namespace vade::server {

class HeldStore : public simulation::MapStore {
 public:
  absl::StatusOr<std::optional<std::string>> Get(
      std::string_view key) const override {
    {
      MutexLock lock(mu_);
      while (held_) released_.Wait(mu_);
    }
    return MapStore::Get(key);
  }

  void Release() {
    MutexLock lock(mu_);
    held_ = false;
    released_.NotifyAll();
  }

 private:
  mutable Mutex mu_;
  mutable CondVar released_;
  bool held_ ABSL_GUARDED_BY(mu_) = true;
};

}  // namespace vade::server

#endif  // VADE_TESTS_SERVER_HELD_STORE_H_
