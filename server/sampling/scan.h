// Scan: the best prompts of a Thompson draw by looking at every prompt, but
// drawing for few. Only draws that beat the worst of the best so far matter:
// they lie in a window around the objective's mode. So a prompt is asked first
// whether its draw can be in there, against a bound of its density, and only
// if so, where.
//
// For a prompt of density f and any density q that covers the window: with u
// uniform and p drawn from q, {p in the window and u <= f(p) / q(p)} happens
// with exactly the probability that a draw lies in the window, and p is then
// distributed as such a draw. u > sup f / q rules it out beforehand, at the
// cost of one density f. Two kinds of q keep that supremum low: uniform where
// the posterior's mode is in or near the window, and an exponential that falls
// from the window's edge where the mode is beyond it: log f is concave, so its
// tangent at the edge is above it.
#ifndef VADE_SERVER_SAMPLING_SCAN_H_
#define VADE_SERVER_SAMPLING_SCAN_H_

#include <vector>

#include "server/sampling/kernels.h"
#include "server/sampling/objective.h"
#include "server/sampling/selector.h"
#include "server/sampling/sweep.h"

namespace vade::sampling {

// A deficit that the worst of the prompts still wanted is hardly ever above, so
// that a scan need not begin with a window of all pass rates: from variates
// that are nearly draws, of their own random numbers, for some prompts at
// random. Infinite where that would not pay. Pure, thread-safe.
double GuessDeficit(const SelectionInput& input, const Objective& objective,
                    const Kernels& kernels, const Swept& swept,
                    uint64_t wanted);

// Adds to `picks`, best first, the best of the eligible prompts that `swept`
// has not taken, given that their draws lie outside what it swept; as many as
// are missing to min(input.count, input.eligible_count). It looks first for
// draws of a deficit up to `guess`, which may depend on anything but the draws,
// and beyond only if there are too few. Takes time O(prompts). Pure but for
// `picks`, thread-safe.
void RunScan(const SelectionInput& input, const Objective& objective,
             const Kernels& kernels, Swept swept, double guess,
             std::vector<Pick>& picks);

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_SCAN_H_
