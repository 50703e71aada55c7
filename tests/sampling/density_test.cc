#include "server/sampling/density.h"

#include <algorithm>
#include <boost/math/constants/constants.hpp>
#include <boost/math/distributions/beta.hpp>
#include <cmath>

#include "server/sampling/sweep_stages.h"
#include "tests/catch.h"

namespace vade::sampling {
namespace {

constexpr double kPi = boost::math::constants::pi<double>();

using Beta = boost::math::beta_distribution<double>;

const Objective kObjectives[] = {Objective(ObjectiveKind::kInformationGain),
                                 Objective(ObjectiveKind::kVariance),
                                 Objective(ObjectiveKind::kNearTarget, 0.8)};

TEST_CASE("The greatest density at a third has its known values", "[unit]") {
  CHECK(DensityBound(BestKernels(), 10, 1.0 / 3) == Approx(2.88).margin(0.01));
  CHECK(DensityBound(BestKernels(), 20, 1.0 / 3) == Approx(3.93).margin(0.01));
  CHECK(DensityBound(BestKernels(), 80, 1.0 / 3) == Approx(7.64).margin(0.01));
  CHECK(DensityBound(BestKernels(), 1000, 1.0 / 3) ==
        Approx(26.8).margin(0.05));
  CHECK(DensityBound(BestKernels(), 0, 0.2) == Approx(1));
  // A normal density of this variance.
  CHECK(DensityBound(BestKernels(), 1e9, 0.2) ==
        Approx(std::sqrt(1e9 / (0.16 * 2 * kPi))).epsilon(1e-4));
}

TEST_CASE("No posterior in a stage's window is denser than its bound",
          "[unit]") {
  for (const Objective& objective : kObjectives) {
    const SweepStages stages(objective, BestKernels());
    for (const double most : {1.0, 10.0, 35.0, 200.0}) {
      for (const SweepStage& stage : stages.For(most)) {
        double greatest = 0;
        for (int i = 0; i <= 40; ++i) {
          const double rate = objective.mode() - stage.window.left +
                              stage.window.length() * i / 40;
          for (int j = 0; j <= 100; ++j) {
            for (const double part : {0.3, 0.9, 1.0}) {
              const double alpha = part * most * j / 100;
              const Beta posterior(alpha + 1, part * most - alpha + 1);
              greatest = std::max(greatest, boost::math::pdf(posterior, rate));
            }
          }
        }
        INFO("evidence " << most << ", length " << stage.window.length());
        CHECK(greatest <= stage.density_bound);
        // Nor is the bound wasteful: evidence is rounded up a little.
        CHECK(greatest >= 0.95 * stage.density_bound);
      }
    }
  }
}

TEST_CASE("Stages grow, and end where proposals would get too dense",
          "[unit]") {
  const SweepStages stages(kObjectives[0], BestKernels());
  CHECK(stages.For(10).size() == 4);
  CHECK(stages.For(80).size() == 3);
  CHECK(stages.For(1000).size() == 1);
  CHECK(stages.For(1e6).empty());
  CHECK(&stages.For(10) == &stages.For(9.9));
  double length = 0;
  for (const SweepStage& stage : stages.For(10)) {
    CHECK(stage.window.length() > length);
    length = stage.window.length();
    CHECK(stage.hazard_bound ==
          Approx(stage.density_bound / (1 - stage.density_bound * length)));
  }
}

TEST_CASE("A target near 0 or 1 has no stage over the border", "[unit]") {
  for (const double target : {0.0, 0.005, 0.999, 1.0}) {
    const SweepStages stages(Objective(ObjectiveKind::kNearTarget, target),
                             BestKernels());
    CHECK(stages.For(10).empty());
  }
  const SweepStages near(Objective(ObjectiveKind::kNearTarget, 0.05),
                         BestKernels());
  CHECK(near.For(10).size() == 2);
}

TEST_CASE("The mass within a stage's window is Boost's", "[unit]") {
  for (const Objective& objective : kObjectives) {
    const SweepStages stages(objective, BestKernels());
    for (const double most : {1.0, 10.0, 200.0, 1000.0}) {
      for (const SweepStage& stage : stages.For(most)) {
        for (int j = 0; j <= 20; ++j) {
          const Evidence evidence{most * j / 20, most - most * j / 20};
          const Beta posterior(evidence.alpha + 1, evidence.beta + 1);
          const double low = objective.mode() - stage.window.left;
          const double high = objective.mode() + stage.window.right;
          CHECK(MassWithin(BestKernels(), evidence, low, high) ==
                Approx(boost::math::cdf(posterior, high) -
                       boost::math::cdf(posterior, low))
                    .epsilon(1e-8)
                    .margin(1e-10));
        }
      }
    }
  }
}

}  // namespace
}  // namespace vade::sampling
