#include "server/sampling/objective.h"

#include <algorithm>
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <cmath>
#include <cstdint>
#include <set>

#include "server/sampling/random.h"
#include "tests/catch.h"

namespace vade::sampling {
namespace {

using Exact = boost::multiprecision::cpp_bin_float_50;

const Objective kAllObjectives[] = {
    Objective(ObjectiveKind::kInformationGain),
    Objective(ObjectiveKind::kVariance),
    Objective(ObjectiveKind::kNearTarget, 0.5),
    Objective(ObjectiveKind::kNearTarget, 0.3),
    Objective(ObjectiveKind::kNearTarget, 0),
    Objective(ObjectiveKind::kNearTarget, 1),
};

Exact ExactMode(const Objective& objective) {
  if (objective.kind() == ObjectiveKind::kInformationGain) return Exact(1) / 3;
  return objective.mode();
}

Exact ExactScore(const Objective& objective, const Exact& p) {
  switch (objective.kind()) {
    case ObjectiveKind::kInformationGain:
      return p * (1 - p) * (1 - p);
    case ObjectiveKind::kVariance:
      return p * (1 - p);
    case ObjectiveKind::kNearTarget:
      break;
  }
  return 1 - abs(p - ExactMode(objective));
}

// Pass rates all over [0, 1] and crowded about the mode.
double PassRate(const Objective& objective, int i, double u) {
  if (i % 2 == 0) return u;
  const double near = objective.mode() + (u - 0.5) * std::ldexp(1.0, -(i % 50));
  return std::clamp(near, 0.0, 1.0);
}

TEST_CASE("A deficit is the mode's score less the score, without cancellation",
          "[unit]") {
  RandomStream random(31, 0, 0, Purpose::kDraw);
  for (const Objective& objective : kAllObjectives) {
    const Exact best = ExactScore(objective, ExactMode(objective));
    for (int i = 0; i < 2000; ++i) {
      const double p = PassRate(objective, i, random.UniformDouble());
      const Exact expected = best - ExactScore(objective, p);
      const Exact distance = abs(p - ExactMode(objective));
      // Four roundings; and 1/3 is not a double, which shifts the distance by
      // up to 2^-55.
      const Exact bound =
          expected * (Exact(0x1p-51) + Exact(0x1p-53) / (distance + 1e-40));
      INFO("mode " << objective.mode() << ", p = " << p);
      CHECK(abs(objective.Deficit(p) - expected) <= bound + 1e-33);
    }
  }
}

TEST_CASE("A score is the objective at the pass rate", "[unit]") {
  RandomStream random(32, 0, 0, Purpose::kDraw);
  for (const Objective& objective : kAllObjectives) {
    for (int i = 0; i < 1000; ++i) {
      const double p = PassRate(objective, i, random.UniformDouble());
      const Exact expected = ExactScore(objective, p);
      CHECK(abs(objective.Score(p) - expected) <= Exact(0x1p-52));
    }
  }
}

TEST_CASE("The information gain peaks at one third with 4/27", "[unit]") {
  const Objective objective(ObjectiveKind::kInformationGain);
  CHECK(objective.mode() == 1.0 / 3);
  CHECK(objective.Score(objective.mode()) == Approx(4.0 / 27).epsilon(1e-15));
  CHECK(objective.Score(0) == 0);
  CHECK(objective.Score(1) == 0);
}

TEST_CASE("The variance peaks at one half with one quarter", "[unit]") {
  const Objective objective(ObjectiveKind::kVariance);
  CHECK(objective.mode() == 0.5);
  CHECK(objective.Score(0.5) == 0.25);
}

TEST_CASE("The score near a target is one at it and falls with the distance",
          "[unit]") {
  const Objective objective(ObjectiveKind::kNearTarget, 0.3);
  CHECK(objective.mode() == 0.3);
  CHECK(objective.Score(0.3) == 1);
  CHECK(objective.Score(0.8) == Approx(0.5));
  CHECK(objective.Deficit(0.8) == Approx(0.5));
}

TEST_CASE("A deficit is zero at the mode and grows away from it", "[unit]") {
  for (const Objective& objective : kAllObjectives) {
    CHECK(objective.Deficit(objective.mode()) == 0);
    double left = 0;
    double right = 0;
    for (int i = 1; i <= 20'000; ++i) {
      const double distance = i * 5e-5;
      if (objective.mode() - distance >= 0) {
        const double deficit = objective.DeficitAt(-distance);
        CHECK(deficit > left);
        left = deficit;
      }
      // The gain is flat at p = 1, so there only "not less" can hold.
      if (objective.mode() + distance <= 1) {
        const double deficit = objective.DeficitAt(distance);
        CHECK(deficit >= right);
        right = deficit;
      }
    }
  }
}

TEST_CASE("Neighbouring pass rates near the mode keep distinct deficits",
          "[unit]") {
  // Their scores are equal to the last bit; this is why scores do not rank.
  const Objective objective(ObjectiveKind::kInformationGain);
  std::set<double> deficits;
  std::set<double> scores;
  for (int i = 1; i <= 1000; ++i) {
    const double p = objective.mode() + i * 1e-12;
    deficits.insert(objective.Deficit(p));
    scores.insert(objective.Score(p));
  }
  CHECK(deficits.size() == 1000);
  CHECK(scores.size() < 10);
}

}  // namespace
}  // namespace vade::sampling
