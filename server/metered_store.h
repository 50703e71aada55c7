// MeteredStore: a Store in front of another that counts and times its writes
// and logs those that fail. Borrows both. Thread-safe.
#ifndef VADE_SERVER_METERED_STORE_H_
#define VADE_SERVER_METERED_STORE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/metrics.h"
#include "storage/store.h"

namespace vade::server {

class MeteredStore : public storage::Store {
 public:
  MeteredStore(storage::Store& store, Metrics& metrics)
      : store_(store), metrics_(metrics) {}

  absl::Status Write(const storage::Mutation& mutation) override;
  bool WritesWait() const override { return store_.WritesWait(); }
  absl::StatusOr<std::optional<std::string>> Get(
      std::string_view key) const override {
    return store_.Get(key);
  }
  absl::StatusOr<std::vector<std::optional<std::string>>> MultiGet(
      const std::vector<std::string>& keys) const override {
    return store_.MultiGet(keys);
  }
  std::unique_ptr<storage::Cursor> Scan(std::string begin,
                                        std::string end) const override {
    return store_.Scan(std::move(begin), std::move(end));
  }
  uint64_t ApproximateBytes() const override {
    return store_.ApproximateBytes();
  }

 private:
  storage::Store& store_;
  Metrics& metrics_;
};

}  // namespace vade::server

#endif  // VADE_SERVER_METERED_STORE_H_
