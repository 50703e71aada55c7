// ManualClock: a Clock that stands still until a test moves it. Thread-safe.
#ifndef VADE_TESTS_SIMULATION_MANUAL_CLOCK_H_
#define VADE_TESTS_SIMULATION_MANUAL_CLOCK_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "server/sampling/clock.h"

namespace vade::simulation {

class ManualClock : public sampling::Clock {
 public:
  explicit ManualClock(absl::Time start = absl::FromUnixSeconds(1'700'000'000))
      : now_us_(absl::ToUnixMicros(start)) {}

  absl::Time Now() const override {
    return absl::FromUnixMicros(now_us_.load());
  }
  // Whole microseconds, as the store keeps them; `step` may be negative.
  void Advance(absl::Duration step) {
    now_us_ += absl::ToInt64Microseconds(step);
  }

 private:
  // Workers read it while the test moves it.
  std::atomic<int64_t> now_us_;
};

}  // namespace vade::simulation

#endif  // VADE_TESTS_SIMULATION_MANUAL_CLOCK_H_
