// Sweep: the best prompts of a Thompson draw, without drawing for each. It
// goes from the objective's mode outwards, proposes prompts at random places,
// and accepts each as often as a draw of that prompt would have come to lie
// there. The first B that it accepts are distributed exactly as the best B of
// draws for all prompts, at a cost that grows with B and not with the prompts.
//
// The deficit of prompt i's draw has the hazard f_i / S_i along the pass rates:
// f_i its posterior's density, S_i the probability of a draw outside what was
// swept before. Independent Poisson processes of these rates, one a prompt,
// therefore have their first points where the draws would be. The sweep makes
// all of them at once by thinning one process that is dense enough for any
// (Lewis and Shedler, "Simulation of nonhomogeneous Poisson processes by
// thinning", Naval Research Logistics Quarterly 26(3), 1979), whose points name
// a prompt at random. README.md has the steps.
#ifndef VADE_SERVER_SAMPLING_SWEEP_H_
#define VADE_SERVER_SAMPLING_SWEEP_H_

#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/types/span.h"
#include "server/sampling/kernels.h"
#include "server/sampling/objective.h"
#include "server/sampling/selector.h"
#include "server/sampling/sweep_stages.h"

namespace vade::sampling {

// How far a selection has come: all draws of a deficit below `deficit` are
// known, and `taken` are the prompts that have one.
struct Swept {
  double deficit = 0;
  Window window;
  // No posterior has more than this within the window.
  double mass_bound = 0;
  absl::flat_hash_set<uint32_t> taken;
};

// Sweeps until `input.count` prompts are taken, the stages end, or it is
// foreseeable that another way is cheaper. Adds picks, best first, to `picks`.
// Pure but for `picks`, thread-safe.
Swept RunSweep(const SelectionInput& input, const Objective& objective,
               const Kernels& kernels, absl::Span<const SweepStage> stages,
               std::vector<Pick>& picks);

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_SWEEP_H_
