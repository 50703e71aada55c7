// A clock that stands still but for the pauses that are taken.
#ifndef VADE_TESTS_CLIENT_FAKE_CLOCK_H_
#define VADE_TESTS_CLIENT_FAKE_CLOCK_H_

#include <vector>

#include "client/cpp/clock.h"

namespace vade::client {

// Thread-compatible.
class FakeClock : public Clock {
 public:
  absl::Time Now() override { return now_; }
  void Sleep(absl::Duration duration) override {
    pauses_.push_back(duration);
    now_ += duration;
  }
  void Advance(absl::Duration duration) { now_ += duration; }
  const std::vector<absl::Duration>& pauses() const { return pauses_; }

 private:
  absl::Time now_ = absl::FromUnixSeconds(1700000000);
  std::vector<absl::Duration> pauses_;
};

}  // namespace vade::client

#endif  // VADE_TESTS_CLIENT_FAKE_CLOCK_H_
