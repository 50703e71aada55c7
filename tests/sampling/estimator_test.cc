#include "server/sampling/estimator.h"

#include <cstdint>
#include <vector>

#include "server/sampling/draw.h"
#include "server/sampling/random.h"
#include "tests/catch.h"

namespace vade::sampling {
namespace {

const std::vector<uint32_t> kPrompts = {2, 3, 5, 7, 4'000'000'000};
const std::vector<Evidence> kEvidence = {
    {0, 0}, {1, 7}, {9, 0.2}, {3, 3}, {0, 10}};

std::vector<double> EstimateAll(const Estimator& estimator, uint64_t seed,
                                uint64_t sequence) {
  std::vector<double> estimates(kPrompts.size());
  estimator.Estimate(kPrompts, kEvidence, seed, sequence,
                     absl::MakeSpan(estimates));
  return estimates;
}

TEST_CASE("Thompson's estimate is a draw from the prompt's own stream",
          "[unit]") {
  const std::vector<double> estimates = EstimateAll(ThompsonEstimator(), 8, 9);
  for (size_t i = 0; i < kPrompts.size(); ++i) {
    RandomStream random(8, 9, kPrompts[i], Purpose::kDraw);
    CHECK(estimates[i] == DrawBeta(kEvidence[i], random));
  }
}

TEST_CASE("Thompson's estimates do not depend on how prompts are split",
          "[unit]") {
  const ThompsonEstimator estimator;
  const std::vector<double> together = EstimateAll(estimator, 8, 9);
  for (size_t i = 0; i < kPrompts.size(); ++i) {
    double alone = 0;
    estimator.Estimate(absl::MakeConstSpan(kPrompts).subspan(i, 1),
                       absl::MakeConstSpan(kEvidence).subspan(i, 1), 8, 9,
                       absl::MakeSpan(&alone, 1));
    CHECK(alone == together[i]);
  }
}

TEST_CASE("Thompson's estimates differ from batch to batch and seed to seed",
          "[unit]") {
  const ThompsonEstimator estimator;
  const std::vector<double> estimates = EstimateAll(estimator, 8, 9);
  CHECK(EstimateAll(estimator, 8, 10) != estimates);
  CHECK(EstimateAll(estimator, 7, 9) != estimates);
}

TEST_CASE("The mean estimate is the posterior mean for any seed", "[unit]") {
  const std::vector<double> estimates = EstimateAll(MeanEstimator(), 8, 9);
  for (size_t i = 0; i < kPrompts.size(); ++i) {
    CHECK(estimates[i] == PosteriorMean(kEvidence[i]));
  }
  CHECK(EstimateAll(MeanEstimator(), 1, 2) == estimates);
}

}  // namespace
}  // namespace vade::sampling
