#include "server/sampling/estimator.h"

#include <cstddef>

#include "server/sampling/draw.h"
#include "server/sampling/random.h"

namespace vade::sampling {

void ThompsonEstimator::Estimate(absl::Span<const uint32_t> prompts,
                                 absl::Span<const Evidence> evidence,
                                 uint64_t seed, uint64_t sequence,
                                 absl::Span<double> estimates) const {
  for (size_t i = 0; i < prompts.size(); ++i) {
    RandomStream random(seed, sequence, prompts[i], Purpose::kDraw);
    estimates[i] = DrawBeta(evidence[i], random);
  }
}

void MeanEstimator::Estimate(absl::Span<const uint32_t> prompts,
                             absl::Span<const Evidence> evidence,
                             uint64_t /*seed*/, uint64_t /*sequence*/,
                             absl::Span<double> estimates) const {
  for (size_t i = 0; i < prompts.size(); ++i) {
    estimates[i] = PosteriorMean(evidence[i]);
  }
}

}  // namespace vade::sampling
