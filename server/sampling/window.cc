#include "server/sampling/window.h"

namespace vade::sampling {
namespace {

// Halvings of [0, 1] after which hardly a bit changes.
constexpr int kHalvings = 60;

// The distance x in [0, end] whose deficit is `deficit`, `side` being 1 to the
// right of the mode and -1 to the left. The deficit grows with the distance.
double DistanceOf(const Objective& objective, double side, double end,
                  double deficit) {
  double low = 0;
  double high = end;
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = 0.5 * (low + high);
    (objective.DeficitAt(side * middle) < deficit ? low : high) = middle;
  }
  return high;
}

}  // namespace

Window WindowOf(const Objective& objective, double deficit) {
  const double mode = objective.mode();
  return {DistanceOf(objective, -1, mode, deficit),
          DistanceOf(objective, 1, 1 - mode, deficit)};
}

double DeficitOfLength(const Objective& objective, double length) {
  double low = 0;
  double high = 1;
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = 0.5 * (low + high);
    (WindowOf(objective, middle).length() < length ? low : high) = middle;
  }
  return high;
}

}  // namespace vade::sampling
