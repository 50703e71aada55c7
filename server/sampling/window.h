// Windows: the pass rates around an objective's mode that are better than some
// deficit, as distances to its two sides.
//
// Values and pure functions, thread-safe.
#ifndef VADE_SERVER_SAMPLING_WINDOW_H_
#define VADE_SERVER_SAMPLING_WINDOW_H_

#include "server/sampling/objective.h"

namespace vade::sampling {

// The pass rates from mode - left to mode + right; none if both are 0.
struct Window {
  double left = 0;
  double right = 0;

  double length() const { return left + right; }
};

// The pass rates in [0, 1] of a deficit below `deficit`, which is not
// negative. Edges are within 1e-15 of the true ones, and never inside them.
Window WindowOf(const Objective& objective, double deficit);

// The deficit whose window is `length` long, in (0, 1].
double DeficitOfLength(const Objective& objective, double length);

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_WINDOW_H_
