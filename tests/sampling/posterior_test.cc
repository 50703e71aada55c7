#include "server/sampling/posterior.h"

#include <boost/math/special_functions/beta.hpp>
#include <cstdint>

#include "tests/catch.h"

namespace vade::sampling {
namespace {

constexpr double kSelectedDecay = 0.2;
constexpr double kUnselectedDecay = 0.999;

void CheckEvidence(Evidence got, double alpha, double beta) {
  CHECK(got.alpha == Approx(alpha).epsilon(1e-14));
  CHECK(got.beta == Approx(beta).epsilon(1e-14));
}

// [B(a + G, b) + B(a, b + G)] / B(a, b), straight from the definition.
long double ZeroVarianceOracle(Evidence evidence, uint32_t group_size) {
  const long double a = evidence.alpha + 1;
  const long double b = evidence.beta + 1;
  const long double g = group_size;
  return (boost::math::beta(a + g, b) + boost::math::beta(a, b + g)) /
         boost::math::beta(a, b);
}

TEST_CASE("One success of eight on (0.1, 8.4) gives (1.02, 8.68)", "[unit]") {
  CheckEvidence(Observe({0.1, 8.4}, 1, 7, kSelectedDecay), 1.02, 8.68);
}

TEST_CASE("Four successes of eight on (2.7, 5.3) give (4.54, 5.06)", "[unit]") {
  CheckEvidence(Observe({2.7, 5.3}, 4, 4, kSelectedDecay), 4.54, 5.06);
}

TEST_CASE("(9.0, 0.2) not selected at one step gives (8.991, 0.1998)",
          "[unit]") {
  CheckEvidence(Fade({9.0, 0.2}, 4, 6, kUnselectedDecay), 8.991, 0.1998);
}

TEST_CASE("A prompt selected at every step saturates at G / (1 - lambda1)",
          "[unit]") {
  Evidence evidence;
  double clock = 0;
  for (int step = 0; step < 60; ++step) {
    evidence = Fade(evidence, clock, clock + 1, kUnselectedDecay);
    evidence = Observe(evidence, step % 9, 8 - step % 9, kSelectedDecay);
    clock += 1;
  }
  CHECK(evidence.alpha + evidence.beta == Approx(10).epsilon(1e-13));
}

TEST_CASE("Evidence does not fade over the step that selected the prompt",
          "[unit]") {
  const Evidence evidence{3.5, 1.25};
  CHECK(Fade(evidence, 7, 8, 0.5) == evidence);
  CHECK(Fade(evidence, 7, 7.25, 0.5) == evidence);
  CHECK(Fade(evidence, 7, 7, 0.5) == evidence);
}

TEST_CASE("Evidence never grows, even for a clock that went back", "[unit]") {
  const Evidence evidence{3.5, 1.25};
  CHECK(Fade(evidence, 100, 7, 0.5) == evidence);
}

TEST_CASE("Evidence fades by fractions of a step", "[unit]") {
  CheckEvidence(Fade({4, 1}, 10, 11.5, 0.25), 2, 0.5);
  // Two half steps fade as much as a whole one.
  const Evidence half = Fade({4, 1}, 10, 11.5, kUnselectedDecay);
  const Evidence whole = Fade({4, 1}, 10, 12, kUnselectedDecay);
  CheckEvidence(Fade(half, 10, 11.5, kUnselectedDecay), whole.alpha,
                whole.beta);
}

TEST_CASE("Fading once over many steps is fading at each of them", "[unit]") {
  Evidence stepwise{9.0, 0.2};
  for (int step = 0; step < 1000; ++step) {
    stepwise = Fade(stepwise, 0, 2, kUnselectedDecay);
  }
  const Evidence at_once = Fade({9.0, 0.2}, 0, 1001, kUnselectedDecay);
  CHECK(at_once.alpha == Approx(stepwise.alpha).epsilon(1e-12));
  CHECK(at_once.beta == Approx(stepwise.beta).epsilon(1e-12));
}

TEST_CASE("A prompt imported at a clock fades from its first unselected step",
          "[unit]") {
  // It stores the import's clock less one, so a batch at the import's own
  // clock sees it whole and the next one sees it faded once.
  const double import_clock = 20;
  const Evidence evidence{2, 6};
  CHECK(Fade(evidence, import_clock - 1, import_clock, 0.5) == evidence);
  CheckEvidence(Fade(evidence, import_clock - 1, import_clock + 1, 0.5), 1, 3);
}

TEST_CASE("Decays of zero and one forget everything and nothing", "[unit]") {
  const Evidence evidence{3.5, 1.25};
  CHECK(Fade(evidence, 0, 1000, 1) == evidence);
  CHECK(Fade(evidence, 0, 2, 0) == Evidence{0, 0});
  CHECK(Observe(evidence, 1, 7, 0) == Evidence{1, 7});
  CHECK(Observe(evidence, 0.5, 0.25, 1) == Evidence{4, 1.5});
}

TEST_CASE("The posterior mean counts one success and one failure in advance",
          "[unit]") {
  CHECK(PosteriorMean({0, 0}) == 0.5);
  CHECK(PosteriorMean({1, 7}) == 0.2);
  CHECK(PosteriorMean({8, 0}) == Approx(0.9));
}

TEST_CASE("A fresh prompt's group of G is zero-variance with 2 / (G + 1)",
          "[unit]") {
  for (uint32_t size = 1; size <= 64; ++size) {
    CHECK(ZeroVarianceProbability({0, 0}, size) ==
          Approx(2.0 / (size + 1)).epsilon(1e-13));
  }
}

TEST_CASE("The zero-variance probability is the ratio of beta functions",
          "[unit]") {
  const double values[] = {0, 0.05, 0.7, 1, 3.3, 10, 80, 1000};
  for (const double alpha : values) {
    for (const double beta : values) {
      for (const uint32_t size : {2u, 3u, 8u, 16u, 64u, 1024u}) {
        INFO(alpha << ", " << beta << ", " << size);
        const long double expected = ZeroVarianceOracle({alpha, beta}, size);
        const double got = ZeroVarianceProbability({alpha, beta}, size);
        CHECK(got == Approx(static_cast<double>(expected))
                         .epsilon(1e-11)
                         .margin(1e-300));
        CHECK(EffectiveGroupProbability({alpha, beta}, size) == 1 - got);
      }
    }
  }
}

TEST_CASE("A group of one or none is always zero-variance", "[unit]") {
  CHECK(ZeroVarianceProbability({3, 0.1}, 1) == 1);
  CHECK(ZeroVarianceProbability({3, 0.1}, 0) == 1);
  CHECK(EffectiveGroupProbability({3, 0.1}, 1) == 0);
}

TEST_CASE("A probability stays one for evidence beyond all reason", "[unit]") {
  for (const Evidence evidence : {Evidence{1e12, 0}, Evidence{0, 1e12},
                                  Evidence{1e300, 1e300}, Evidence{1e12, 1}}) {
    const double p = ZeroVarianceProbability(evidence, 8);
    CHECK(p >= 0);
    CHECK(p <= 1);
  }
}

}  // namespace
}  // namespace vade::sampling
