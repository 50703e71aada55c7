// Estimators: from a prompt's evidence to the one pass rate it is ranked by.
// The first of a policy's three parts (policy.h).
//
// Implementations are immutable and thread-safe.
#ifndef VADE_SERVER_SAMPLING_ESTIMATOR_H_
#define VADE_SERVER_SAMPLING_ESTIMATOR_H_

#include <cstdint>

#include "absl/types/span.h"
#include "server/sampling/posterior.h"

namespace vade::sampling {

class Estimator {
 public:
  virtual ~Estimator() = default;

  // Writes to `estimates`, each in [0, 1], the pass rate of every prompt of
  // `prompts` (indices in the run) from its `evidence`. The three spans are of
  // one length. What a prompt gets depends on its own evidence, `seed`,
  // `sequence` and its index only, however the prompts are split over calls.
  virtual void Estimate(absl::Span<const uint32_t> prompts,
                        absl::Span<const Evidence> evidence, uint64_t seed,
                        uint64_t sequence,
                        absl::Span<double> estimates) const = 0;
};

// Thompson sampling: a draw from the posterior, so that a prompt is dealt as
// often as it is likely to be among the best.
class ThompsonEstimator final : public Estimator {
 public:
  void Estimate(absl::Span<const uint32_t> prompts,
                absl::Span<const Evidence> evidence, uint64_t seed,
                uint64_t sequence, absl::Span<double> estimates) const override;
};

// The posterior mean: greedy, and blind to how much is known.
class MeanEstimator final : public Estimator {
 public:
  void Estimate(absl::Span<const uint32_t> prompts,
                absl::Span<const Evidence> evidence, uint64_t seed,
                uint64_t sequence, absl::Span<double> estimates) const override;
};

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_ESTIMATOR_H_
