// Exact draws from a prompt's posterior.
#ifndef VADE_SERVER_SAMPLING_DRAW_H_
#define VADE_SERVER_SAMPLING_DRAW_H_

#include "server/sampling/posterior.h"
#include "server/sampling/random.h"

namespace vade::sampling {

// A Gamma(shape, 1) variate for shape >= 1, by Marsaglia and Tsang, "A simple
// method for generating gamma variables", ACM TOMS 26(3), 2000. Each attempt
// takes one Normal() and then, if the cube is positive, one UniformDouble();
// at most one attempt in twenty fails. Good for shapes up to 1e7 and beyond.
double DrawGamma(double shape, RandomStream& random);

// A draw from Beta(alpha + 1, beta + 1), in [0, 1]: X / (X + Y) for X of
// Gamma(alpha + 1) and, after it, Y of Gamma(beta + 1).
double DrawBeta(Evidence evidence, RandomStream& random);

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_DRAW_H_
