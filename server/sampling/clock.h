// Clock: where time comes from, so that tests and replays can decide it.
#ifndef VADE_SERVER_SAMPLING_CLOCK_H_
#define VADE_SERVER_SAMPLING_CLOCK_H_

#include <chrono>

#include "absl/time/time.h"

namespace vade::sampling {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;  // thread-safe
};

// Wall time read once, carried on by the steady clock: never runs backwards and
// does not follow jumps of the wall clock while the process lives, so a jump
// neither expires nor prolongs a lease. Thread-safe.
class SystemClock : public Clock {
 public:
  SystemClock();
  absl::Time Now() const override;

 private:
  const absl::Time start_;
  const std::chrono::steady_clock::time_point steady_start_;
};

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_CLOCK_H_
