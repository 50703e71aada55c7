// FaultyStore: a Store in front of another that fails, holds, counts and
// records writes as a test says, and otherwise does what the other does. The
// one double for storage in this project's tests. Thread-safe.
#ifndef VADE_TESTS_STORAGE_FAULTY_STORE_H_
#define VADE_TESTS_STORAGE_FAULTY_STORE_H_

#include <cstdint>
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

namespace vade::storage {

// What a failed write left on the disk: a caller cannot know, so a test that
// fails a write must pass with both.
enum class FailedWrite { kAbsent, kPresent };

class FaultyStore : public Store {
 public:
  // Borrows `base`, which must outlive this store.
  explicit FaultyStore(Store& base, bool writes_wait = true)
      : base_(base), writes_wait_(writes_wait) {}
  // Restarts, so that what is in `base` then is what a crash would leave.
  ~FaultyStore() override;

  // Makes the `n`-th write from now fail with UNAVAILABLE, 1 being the next,
  // and all after it, as Store says. Its mutation shows after Restart() if
  // `outcome` is kPresent.
  void FailWrite(uint64_t n, FailedWrite outcome);
  // Makes all reads and scans fail with `error`; OK ends that.
  void FailReads(absl::Status error);
  // What ending the process and opening the store again does to a failure.
  void Restart();

  // From now on a write waits before it does anything.
  void BlockWrites();
  // Lets the waiting writes and all later ones go on.
  void UnblockWrites();
  // Waits until `count` writes are waiting.
  void WaitForBlockedWrites(int count);

  // Writes that were tried, failed ones too, empty ones not.
  uint64_t writes() const;
  // The mutations that were applied, in order. Empty unless Record() came
  // before them.
  std::vector<Mutation> mutations() const;
  void Record();

  absl::Status Write(const Mutation& mutation) override;
  bool WritesWait() const override { return writes_wait_; }
  absl::StatusOr<std::optional<std::string>> Get(
      std::string_view key) const override;
  absl::StatusOr<std::vector<std::optional<std::string>>> MultiGet(
      const std::vector<std::string>& keys) const override;
  std::unique_ptr<Cursor> Scan(std::string begin,
                               std::string end) const override;
  uint64_t ApproximateBytes() const override;

 private:
  absl::Status ReadError() const;

  Store& base_;
  const bool writes_wait_;
  // Held over writes to `base_`, so that the record has their order.
  mutable Mutex mu_;
  CondVar changed_;
  bool blocked_ ABSL_GUARDED_BY(mu_) = false;
  int waiting_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t writes_ ABSL_GUARDED_BY(mu_) = 0;
  // Of `writes_`; 0: none is to fail.
  uint64_t failing_write_ ABSL_GUARDED_BY(mu_) = 0;
  FailedWrite outcome_ ABSL_GUARDED_BY(mu_) = FailedWrite::kAbsent;
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
  // The failed mutation, if a restart is to find it.
  std::optional<Mutation> hidden_ ABSL_GUARDED_BY(mu_);
  absl::Status read_error_ ABSL_GUARDED_BY(mu_);
  bool recording_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<Mutation> mutations_ ABSL_GUARDED_BY(mu_);
};

}  // namespace vade::storage

#endif  // VADE_TESTS_STORAGE_FAULTY_STORE_H_
