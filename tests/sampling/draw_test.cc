#include "server/sampling/draw.h"

#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/binomial.hpp>
#include <cmath>
#include <cstdint>
#include <vector>

#include "server/sampling/numeric.h"
#include "tests/catch.h"
#include "tests/sampling/statistics.h"

namespace vade::sampling {
namespace {

using Draw = double (*)(Evidence, RandomStream&);

const std::vector<Evidence>& Grid() {
  static const std::vector<Evidence> kGrid = {
      {0, 0},       {0, 10},      {10, 0},   {0.05, 7}, {7, 0.05},  {0.3, 0.2},
      {1.02, 8.68}, {4.54, 5.06}, {1000, 3}, {80, 900}, {1e6, 1e6}, {1e7, 10},
  };
  return kGrid;
}

// One p-value for `draw` over the whole grid, `draws` of each evidence, every
// one from a prompt of its own as a selector makes them.
double GridP(Draw draw, uint64_t seed, uint32_t draws) {
  std::vector<double> p_values;
  for (size_t row = 0; row < Grid().size(); ++row) {
    const Evidence evidence = Grid()[row];
    const boost::math::beta_distribution<> posterior(evidence.alpha + 1,
                                                     evidence.beta + 1);
    std::vector<double> values;
    for (uint32_t i = 0; i < draws; ++i) {
      RandomStream random(seed, row, i, Purpose::kDraw);
      values.push_back(draw(evidence, random));
    }
    p_values.push_back(KolmogorovSmirnovP(
        values, [&](double p) { return boost::math::cdf(posterior, p); }));
  }
  return CombinedP(p_values);
}

// Marsaglia and Tsang's method with one of its parts wrong.
double BrokenGamma(double d, bool exact_test, RandomStream& random) {
  const double c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = random.Normal();
    const double root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    if (!exact_test) return d * v;
    const double u = random.UniformDouble();
    if (Log(u) < 0.5 * x * x + d * (1 - v + Log(v))) return d * v;
  }
}

double WithoutPrior(Evidence evidence, RandomStream& random) {
  return DrawBeta({evidence.alpha > 1 ? evidence.alpha - 1 : 0, evidence.beta},
                  random);
}

double WithoutThird(Evidence evidence, RandomStream& random) {
  const double x = BrokenGamma(evidence.alpha + 1, true, random);
  return x / (x + BrokenGamma(evidence.beta + 1, true, random));
}

double WithoutRejection(Evidence evidence, RandomStream& random) {
  const double x = BrokenGamma(evidence.alpha + 2.0 / 3, false, random);
  return x / (x + BrokenGamma(evidence.beta + 2.0 / 3, false, random));
}

double WithSinglePrecision(Evidence evidence, RandomStream& random) {
  return static_cast<float>(DrawBeta(evidence, random));
}

TEST_CASE("Draws follow the posterior for all kinds of evidence", "[stat]") {
  constexpr uint64_t kSeed = 21;
  INFO("seed " << kSeed);
  CHECK(GridP(DrawBeta, kSeed, 20'000) > kFalseAlarmRate);
}

TEST_CASE("The test of draws catches broken draws", "[stat]") {
  CHECK(GridP(WithoutPrior, 22, 20'000) < kFalseAlarmRate);
  CHECK(GridP(WithoutThird, 22, 20'000) < kFalseAlarmRate);
  CHECK(GridP(WithoutRejection, 22, 20'000) < kFalseAlarmRate);
  CHECK(GridP(WithSinglePrecision, 22, 20'000) < kFalseAlarmRate);
}

TEST_CASE("The test of draws raises false alarms no oftener than it says",
          "[stat]") {
  // With a rate of 1/20, alarms over 200 seeds are at most binomial.
  int alarms = 0;
  for (uint64_t seed = 100; seed < 300; ++seed) {
    if (GridP(DrawBeta, seed, 200) < 0.05) ++alarms;
  }
  const boost::math::binomial allowed(200, 0.05);
  INFO(alarms << " alarms");
  CHECK(boost::math::cdf(boost::math::complement(allowed, alarms)) >
        kFalseAlarmRate);
}

TEST_CASE("Gamma draws have the mean and variance of their shape", "[stat]") {
  constexpr int kDraws = 40'000;
  for (const double shape : {1.0, 1.3, 5.0, 300.0, 1e7}) {
    RandomStream random(23, 0, 0, Purpose::kDraw);
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < kDraws; ++i) {
      const double z = (DrawGamma(shape, random) - shape) / std::sqrt(shape);
      sum += z;
      squares += z * z;
    }
    // Five standard errors: a false alarm in 2e6 for each; the fourth moment
    // of a standardised gamma is 3 + 6 / shape.
    INFO("shape " << shape);
    CHECK(std::fabs(sum) < 5 * std::sqrt(kDraws));
    CHECK(std::fabs(squares - kDraws) <
          5 * std::sqrt(kDraws * (2 + 6 / shape)));
  }
}

TEST_CASE("Draws have the bits they have always had", "[unit]") {
  const double expected[] = {
      0x1.8693874a472b6p-1, 0x1.5355e68520315p-3, 0x1.fa5ee25c88abdp-1,
      0x1.4d1552d511614p-4, 0x1.d111f5f05955ep-1, 0x1.4db326b880a06p-1,
      0x1.a12e258ac69e7p-3, 0x1.312d199b9ce76p-2, 0x1.fdd77cc20fce5p-1,
      0x1.42ed223d775c5p-4, 0x1.ff4c533daee14p-2, 0x1.ffffd93a34717p-1};
  for (size_t row = 0; row < Grid().size(); ++row) {
    RandomStream random(42, 7, static_cast<uint32_t>(row), Purpose::kDraw);
    INFO("row " << row);
    CHECK(DrawBeta(Grid()[row], random) == expected[row]);
  }
}

TEST_CASE("A draw is a pass rate whatever the evidence", "[unit]") {
  for (const double alpha : {0.0, 1e-300, 1e-9, 1e7, 1e15}) {
    for (const double beta : {0.0, 1e-300, 1e-9, 1e7, 1e15}) {
      for (uint32_t i = 0; i < 100; ++i) {
        RandomStream random(24, 0, i, Purpose::kDraw);
        const double p = DrawBeta({alpha, beta}, random);
        REQUIRE(p >= 0);
        REQUIRE(p <= 1);
      }
    }
  }
}

}  // namespace
}  // namespace vade::sampling
