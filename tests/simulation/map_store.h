// MapStore: the plainest Store there is, a map in memory, for tests that open
// thousands of stores or run under ThreadSanitizer. What it holds stays as long
// as the object, so "reopening" it is to go on using it. Thread-safe.
#ifndef VADE_TESTS_SIMULATION_MAP_STORE_H_
#define VADE_TESTS_SIMULATION_MAP_STORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/mutation.h"
#include "storage/mutex.h"
#include "storage/store.h"

namespace vade::simulation {

class MapStore : public storage::Store {
 public:
  absl::Status Write(const storage::Mutation& mutation) override;
  absl::StatusOr<std::optional<std::string>> Get(
      std::string_view key) const override;
  absl::StatusOr<std::vector<std::optional<std::string>>> MultiGet(
      const std::vector<std::string>& keys) const override;
  std::unique_ptr<storage::Cursor> Scan(std::string begin,
                                        std::string end) const override;
  uint64_t ApproximateBytes() const override;

  // All that is stored, to compare whole stores.
  std::map<std::string, std::string> records() const;

 private:
  mutable Mutex mu_;
  std::map<std::string, std::string> records_ ABSL_GUARDED_BY(mu_);
};

}  // namespace vade::simulation

#endif  // VADE_TESTS_SIMULATION_MAP_STORE_H_
