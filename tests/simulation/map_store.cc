#include "tests/simulation/map_store.h"

#include <utility>

namespace vade::simulation {
namespace {

using Record = std::pair<std::string, std::string>;

class FrozenCursor : public storage::Cursor {
 public:
  explicit FrozenCursor(std::vector<Record> records)
      : records_(std::move(records)) {}

  bool Valid() const override { return next_ < records_.size(); }
  void Next() override { ++next_; }
  std::string_view key() const override { return records_[next_].first; }
  std::string_view value() const override { return records_[next_].second; }
  absl::Status status() const override { return absl::OkStatus(); }

 private:
  const std::vector<Record> records_;
  size_t next_ = 0;
};

}  // namespace

absl::Status MapStore::Write(const storage::Mutation& mutation) {
  MutexLock lock(mu_);
  for (const storage::Change& change : mutation.changes()) {
    switch (change.kind) {
      case storage::Change::Kind::kPut:
        records_[change.key] = change.value;
        break;
      case storage::Change::Kind::kDelete:
        records_.erase(change.key);
        break;
      case storage::Change::Kind::kDeleteRange:
        if (change.key < change.value) {
          records_.erase(records_.lower_bound(change.key),
                         records_.lower_bound(change.value));
        }
        break;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> MapStore::Get(
    std::string_view key) const {
  MutexLock lock(mu_);
  const auto found = records_.find(std::string(key));
  if (found == records_.end()) return std::nullopt;
  return found->second;
}

absl::StatusOr<std::vector<std::optional<std::string>>> MapStore::MultiGet(
    const std::vector<std::string>& keys) const {
  MutexLock lock(mu_);
  std::vector<std::optional<std::string>> values;
  for (const std::string& key : keys) {
    const auto found = records_.find(key);
    values.push_back(found == records_.end()
                         ? std::nullopt
                         : std::optional<std::string>(found->second));
  }
  return values;
}

std::unique_ptr<storage::Cursor> MapStore::Scan(std::string begin,
                                                std::string end) const {
  MutexLock lock(mu_);
  std::vector<Record> records;
  for (auto it = records_.lower_bound(begin);
       it != records_.end() && it->first < end; ++it) {
    records.push_back(*it);
  }
  return std::make_unique<FrozenCursor>(std::move(records));
}

uint64_t MapStore::ApproximateBytes() const {
  MutexLock lock(mu_);
  uint64_t bytes = 0;
  for (const auto& [key, value] : records_) bytes += key.size() + value.size();
  return bytes;
}

std::map<std::string, std::string> MapStore::records() const {
  MutexLock lock(mu_);
  return records_;
}

}  // namespace vade::simulation
