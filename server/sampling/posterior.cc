#include "server/sampling/posterior.h"

#include <algorithm>

#include "server/sampling/numeric.h"

namespace vade::sampling {

Evidence Fade(Evidence evidence, double from_clock, double to_clock,
              double unselected_decay) {
  const double gap = to_clock - 1 - from_clock;
  if (!(gap > 0)) return evidence;
  const double factor = Pow(unselected_decay, gap);
  return {evidence.alpha * factor, evidence.beta * factor};
}

Evidence Observe(Evidence faded, double successes, double failures,
                 double selected_decay) {
  return {selected_decay * faded.alpha + successes,
          selected_decay * faded.beta + failures};
}

double PosteriorMean(Evidence evidence) {
  return (evidence.alpha + 1) / (evidence.alpha + evidence.beta + 2);
}

double ZeroVarianceProbability(Evidence evidence, uint32_t group_size) {
  if (group_size < 2) return 1;
  const double a = evidence.alpha + 1;
  const double b = evidence.beta + 1;
  double all_succeed = 1;
  double all_fail = 1;
  for (uint32_t i = 0; i < group_size; ++i) {
    all_succeed *= (a + i) / (a + b + i);
    all_fail *= (b + i) / (a + b + i);
  }
  return std::min(1.0, all_succeed + all_fail);
}

double EffectiveGroupProbability(Evidence evidence, uint32_t group_size) {
  return 1 - ZeroVarianceProbability(evidence, group_size);
}

}  // namespace vade::sampling
