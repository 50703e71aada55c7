// Evidence about one prompt's pass rate and what follows from it. Evidence
// (alpha, beta) is the faded number of successes and failures seen; the
// posterior of the pass rate is Beta(alpha + 1, beta + 1).
//
// The rules are those of VADE (arXiv 2511.18902), extended to fractional clocks
// and successes. Pure functions, thread-safe.
#ifndef VADE_SERVER_SAMPLING_POSTERIOR_H_
#define VADE_SERVER_SAMPLING_POSTERIOR_H_

#include <cstdint>

namespace vade::sampling {

// Both finite and >= 0; (0, 0) for a prompt that nothing is known of.
struct Evidence {
  double alpha = 0;
  double beta = 0;

  friend bool operator==(const Evidence&, const Evidence&) = default;
};

// What is left at `to_clock` of evidence whose prompt was last selected at
// `from_clock`: both parts times unselected_decay^max(0, to - 1 - from).
// `unselected_decay` is in [0, 1].
//
// The step that selected the prompt costs nothing, hence the 1. Clocks may be
// fractional (see DESIGN's clock rule), so the gap may be below one or, for a
// clock that was rewound, negative: then nothing fades. Evidence never grows.
// A prompt that was never selected keeps its import's clock minus 1.
Evidence Fade(Evidence evidence, double from_clock, double to_clock,
              double unselected_decay);

// Evidence after the group of a selected prompt reports `successes` and
// `failures` (both >= 0, fractions allowed): selected_decay * evidence plus
// the report. `faded` is the evidence at the clock of that selection;
// `selected_decay` is in [0, 1].
Evidence Observe(Evidence faded, double successes, double failures,
                 double selected_decay);

// The expected pass rate, (alpha + 1) / (alpha + beta + 2), in (0, 1).
double PosteriorMean(Evidence evidence);

// The probability that all of `group_size` rollouts succeed or all fail, their
// outcomes being independent given a pass rate from the posterior:
// [B(a + G, b) + B(a, b + G)] / B(a, b) with a = alpha + 1, b = beta + 1,
// computed as the exact product of G ratios, so in O(G). 1 for a group of
// one (or none). In [0, 1].
double ZeroVarianceProbability(Evidence evidence, uint32_t group_size);

// The probability that the group teaches something: 1 less the above.
double EffectiveGroupProbability(Evidence evidence, uint32_t group_size);

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_POSTERIOR_H_
