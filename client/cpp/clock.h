// Clock, the client's only source of time, and the one place where the client
// asks the machine for time and entropy, so that tests bring their own.
#ifndef VADE_CLIENT_CPP_CLOCK_H_
#define VADE_CLIENT_CPP_CLOCK_H_

#include <cstdint>

#include "absl/time/time.h"

namespace vade::client {

// Thread-safe, and so are implementations.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() = 0;
  // Blocks for `duration`; not at all if it is not positive.
  virtual void Sleep(absl::Duration duration) = 0;
};

// The machine's clock. Lives as long as the program.
Clock& SystemClock();

// 64 bits that no other process is likely to have, now or later.
uint64_t RandomSeed();

}  // namespace vade::client

#endif  // VADE_CLIENT_CPP_CLOCK_H_
