// SweepStages: how far a sweep may go and how densely it must propose, which
// depends on the objective and on the most evidence that any prompt has.
//
// Owned by a SweepSelector. Thread-safe: what was computed once is kept, and
// has no influence on results.
#ifndef VADE_SERVER_SAMPLING_SWEEP_STAGES_H_
#define VADE_SERVER_SAMPLING_SWEEP_STAGES_H_

#include <map>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/sampling/kernels.h"
#include "server/sampling/objective.h"
#include "server/sampling/window.h"
#include "storage/mutex.h"

namespace vade::sampling {

struct SweepStage {
  double deficit = 0;  // At which the stage ends,
  Window window;       // and the window then.
  // No posterior is denser than this anywhere in the window.
  double density_bound = 0;
  // Not below the density of any posterior in the window, divided by the
  // probability that its draw lies outside what was swept before.
  double hazard_bound = 0;

  // No posterior has more than this within the window.
  double mass_bound() const { return density_bound * window.length(); }
};

class SweepStages {
 public:
  // `kernels` outlives this.
  SweepStages(Objective objective, const Kernels& kernels);

  // The stages, each containing the one before, for prompts whose
  // alpha + beta is at most `max_evidence`; none if a sweep does not pay.
  // Valid as long as this is.
  const std::vector<SweepStage>& For(double max_evidence) const;

 private:
  std::vector<SweepStage> Make(double max_evidence) const;

  const Objective objective_;
  const Kernels& kernels_;

  mutable Mutex mu_;
  // By rounded evidence: at most some 300 entries.
  mutable std::map<double, std::unique_ptr<const std::vector<SweepStage>>>
      stages_ ABSL_GUARDED_BY(mu_);
};

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_SWEEP_STAGES_H_
