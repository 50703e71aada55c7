#include "tests/storage/faulty_store.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace vade::storage {
namespace {

class FailedCursor : public Cursor {
 public:
  explicit FailedCursor(absl::Status error) : error_(std::move(error)) {}

  bool Valid() const override { return false; }
  void Next() override {}
  std::string_view key() const override { return {}; }
  std::string_view value() const override { return {}; }
  absl::Status status() const override { return error_; }

 private:
  const absl::Status error_;
};

}  // namespace

FaultyStore::~FaultyStore() { Restart(); }

void FaultyStore::FailWrite(uint64_t n, FailedWrite outcome) {
  MutexLock lock(mu_);
  failing_write_ = writes_ + n;
  outcome_ = outcome;
}

void FaultyStore::FailReads(absl::Status error) {
  MutexLock lock(mu_);
  read_error_ = std::move(error);
}

void FaultyStore::Restart() {
  MutexLock lock(mu_);
  if (hidden_.has_value()) {
    failure_ = base_.Write(*hidden_);
    if (failure_.ok() && recording_) mutations_.push_back(*hidden_);
    hidden_.reset();
  } else {
    failure_ = absl::OkStatus();
  }
  failing_write_ = 0;
}

void FaultyStore::BlockWrites() {
  MutexLock lock(mu_);
  blocked_ = true;
}

void FaultyStore::UnblockWrites() {
  MutexLock lock(mu_);
  blocked_ = false;
  changed_.NotifyAll();
}

void FaultyStore::WaitForBlockedWrites(int count) {
  MutexLock lock(mu_);
  while (waiting_ < count) changed_.Wait(mu_);
}

uint64_t FaultyStore::writes() const {
  MutexLock lock(mu_);
  return writes_;
}

std::vector<Mutation> FaultyStore::mutations() const {
  MutexLock lock(mu_);
  return mutations_;
}

void FaultyStore::Record() {
  MutexLock lock(mu_);
  recording_ = true;
}

absl::Status FaultyStore::Write(const Mutation& mutation) {
  MutexLock lock(mu_);
  ++waiting_;
  changed_.NotifyAll();
  while (blocked_) changed_.Wait(mu_);
  --waiting_;
  if (!failure_.ok()) return failure_;
  if (mutation.empty()) return absl::OkStatus();
  ++writes_;
  if (writes_ == failing_write_) {
    if (outcome_ == FailedWrite::kPresent) hidden_ = mutation;
    failure_ = absl::UnavailableError(
        absl::StrCat("write ", writes_, " was made to fail"));
    return failure_;
  }
  absl::Status status = base_.Write(mutation);
  if (status.ok() && recording_) mutations_.push_back(mutation);
  return status;
}

absl::StatusOr<std::optional<std::string>> FaultyStore::Get(
    std::string_view key) const {
  if (absl::Status error = ReadError(); !error.ok()) return error;
  return base_.Get(key);
}

absl::StatusOr<std::vector<std::optional<std::string>>> FaultyStore::MultiGet(
    const std::vector<std::string>& keys) const {
  if (absl::Status error = ReadError(); !error.ok()) return error;
  return base_.MultiGet(keys);
}

std::unique_ptr<Cursor> FaultyStore::Scan(std::string begin,
                                          std::string end) const {
  if (absl::Status error = ReadError(); !error.ok()) {
    return std::make_unique<FailedCursor>(std::move(error));
  }
  return base_.Scan(std::move(begin), std::move(end));
}

uint64_t FaultyStore::ApproximateBytes() const {
  return base_.ApproximateBytes();
}

absl::Status FaultyStore::ReadError() const {
  MutexLock lock(mu_);
  return read_error_;
}

}  // namespace vade::storage
