// Scan: the best prompts of a Thompson draw by looking at every prompt, but
// drawing for few. Only draws that beat the worst of the best so far matter:
// they lie in a window around the objective's mode. So a prompt is asked first
// whether its draw can be in there, against a bound of its density, and only
// if so, where.
//
// For a prompt of density f and a window of length L with max f = F in it: with
// u uniform and p uniform in the window, {u <= L f(p)} happens with exactly the
// probability that a draw lies in the window, and p is then distributed as
// such a draw. u > L F rules it out at the cost of one density.
#ifndef VADE_SERVER_SAMPLING_SCAN_H_
#define VADE_SERVER_SAMPLING_SCAN_H_

#include <vector>

#include "server/sampling/kernels.h"
#include "server/sampling/objective.h"
#include "server/sampling/selector.h"
#include "server/sampling/sweep.h"

namespace vade::sampling {

// Adds to `picks`, best first, the best of the eligible prompts that `swept`
// has not taken, given that their draws lie outside what it swept; as many as
// are missing to min(input.count, input.eligible_count). Takes time
// O(prompts). Pure but for `picks`, thread-safe.
void RunScan(const SelectionInput& input, const Objective& objective,
             const Kernels& kernels, const Swept& swept,
             std::vector<Pick>& picks);

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_SCAN_H_
