#include "server/sampling/random.h"

#include <cmath>

#include "server/sampling/numeric.h"

namespace vade::sampling {

double RandomStream::Normal() {
  if (has_normal_) {
    has_normal_ = false;
    return normal_;
  }
  double u;
  double v;
  double square;
  // Accepts with probability pi / 4, so it ends soon. A square of zero cannot
  // happen: UniformDouble() is never 1/2.
  do {
    u = 2 * UniformDouble() - 1;
    v = 2 * UniformDouble() - 1;
    square = u * u + v * v;
  } while (square >= 1);
  const double scale = std::sqrt(-2 * Log(square) / square);
  normal_ = v * scale;
  has_normal_ = true;
  return u * scale;
}

}  // namespace vade::sampling
