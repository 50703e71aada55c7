#include "client/cpp/clock.h"

#include <random>

#include "absl/time/clock.h"

namespace vade::client {
namespace {

class MachineClock : public Clock {
 public:
  absl::Time Now() override { return absl::Now(); }
  void Sleep(absl::Duration duration) override { absl::SleepFor(duration); }
};

}  // namespace

Clock& SystemClock() {
  static MachineClock clock;
  return clock;
}

uint64_t RandomSeed() {
  std::random_device entropy;
  return (uint64_t{entropy()} << 32) | entropy();
}

}  // namespace vade::client
