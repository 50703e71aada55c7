// Dice: the seeded randomness of a test, the same on every machine and library.
// Thread-compatible.
#ifndef VADE_TESTS_SIMULATION_DICE_H_
#define VADE_TESTS_SIMULATION_DICE_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace vade::simulation {

class Dice {
 public:
  explicit Dice(uint64_t seed) : bits_(seed) {}

  // 0 to n - 1; n is at least 1. The bias of the remainder is too small to
  // matter to a test.
  uint64_t Below(uint64_t n) { return bits_() % n; }
  int64_t Between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(Below(high - low + 1));
  }
  bool Chance(double p) { return Unit() < p; }
  // In [0, 1).
  double Unit() { return static_cast<double>(bits_() >> 11) * 0x1p-53; }
  template <typename T>
  const T& Pick(const std::vector<T>& items) {
    return items[Below(items.size())];
  }
  template <typename T>
  void Shuffle(std::vector<T>& items) {
    for (size_t i = items.size(); i > 1; --i) {
      std::swap(items[i - 1], items[Below(i)]);
    }
  }

 private:
  // The standard fixes this generator's numbers, unlike its distributions'.
  std::mt19937_64 bits_;
};

}  // namespace vade::simulation

#endif  // VADE_TESTS_SIMULATION_DICE_H_
