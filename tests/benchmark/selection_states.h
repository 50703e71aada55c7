// What runs know of their prompts, as a selector finds it: after training, and
// the extremes of it. For measuring; the same arguments give the same state.
#ifndef VADE_TESTS_BENCHMARK_SELECTION_STATES_H_
#define VADE_TESTS_BENCHMARK_SELECTION_STATES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "server/sampling/population.h"
#include "server/sampling/selector.h"

namespace vade::benchmarks {

struct SelectionState {
  sampling::Population population;
  double clock = 0;
  double max_evidence = 0;
};

// "trained", "fresh", "solved", "unsolved", "concentrated", "heavy".
std::vector<std::string> SelectionStateNames();

// The state of that name, of so many prompts:
//   trained       300 steps of a simulated run under policy "vade": batches of
//                 512, groups of 8, pass rates 1 / (1 + exp(d)) with d logistic
//                 of centre 1 and scale 2.5, fixed over time
//   fresh         nothing is known
//   solved        every group so far was solved by all 8 rollouts
//   unsolved      every group so far was solved by none
//   concentrated  1000 rollouts' worth of evidence at uniform pass rates
//   heavy         trained, and one prompt in a thousand has 1000 rollouts'
//                 worth of evidence
// `name` must be one of them.
SelectionState MakeSelectionState(const std::string& name, uint32_t prompts);

// Leaves this share of the prompts free, chosen at random.
void KeepFree(SelectionState& state, double share);

// What a selector is asked about it; refers to `state`.
sampling::SelectionInput InputOf(const SelectionState& state, uint32_t count);

}  // namespace vade::benchmarks

#endif  // VADE_TESTS_BENCHMARK_SELECTION_STATES_H_
