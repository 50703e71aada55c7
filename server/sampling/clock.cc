#include "server/sampling/clock.h"

#include "absl/time/clock.h"

namespace vade::sampling {

SystemClock::SystemClock()
    : start_(absl::Now()), steady_start_(std::chrono::steady_clock::now()) {}

absl::Time SystemClock::Now() const {
  return start_ +
         absl::FromChrono(std::chrono::steady_clock::now() - steady_start_);
}

}  // namespace vade::sampling
