// What a sweep and a scan need to know of the density of posteriors: how large
// it can be, and how much of it lies within an interval.
//
// Pure functions, thread-safe.
#ifndef VADE_SERVER_SAMPLING_DENSITY_H_
#define VADE_SERVER_SAMPLING_DENSITY_H_

#include "server/sampling/kernels.h"
#include "server/sampling/posterior.h"

namespace vade::sampling {

// The greatest density at `rate`, in (0, 1), of any posterior of evidence
// alpha + beta <= max_evidence, to within 1e-9 of it and never less. It is
// reached at alpha + beta = max_evidence: the logarithm of the density is
// concave in (alpha, beta) and grows along (rate, 1 - rate).
double DensityBound(const Kernels& kernels, double max_evidence, double rate);

// The probability that a draw lies between `low` and `high`, which are in
// (0, 1), by Gauss and Legendre's quadrature with 24 points. Error below 1e-9
// where the interval is at most some two standard deviations wide and no
// nearer to 0 or 1 than a quarter of its width.
double MassWithin(const Kernels& kernels, Evidence evidence, double low,
                  double high);

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_DENSITY_H_
