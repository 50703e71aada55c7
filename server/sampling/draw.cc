#include "server/sampling/draw.h"

#include <cmath>

#include "server/sampling/numeric.h"

namespace vade::sampling {

double DrawGamma(double shape, RandomStream& random) {
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = random.Normal();
    const double root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    const double u = random.UniformDouble();
    const double square = x * x;
    // The squeeze spares nearly every attempt the two logarithms.
    if (u < 1 - 0.0331 * (square * square)) return d * v;
    if (Log(u) < 0.5 * square + d * (1 - v + Log(v))) return d * v;
  }
}

double DrawBeta(Evidence evidence, RandomStream& random) {
  const double successes = DrawGamma(evidence.alpha + 1, random);
  const double failures = DrawGamma(evidence.beta + 1, random);
  return successes / (successes + failures);
}

}  // namespace vade::sampling
