#include "client/load/simulated_learner.h"

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/catch.h"

namespace vade::load {
namespace {

TEST_CASE("a prompt is as hard in every process and for every policy",
          "[unit]") {
  const SimulatedLearner learner({.seed = 5});
  const SimulatedLearner same({.seed = 5});
  const SimulatedLearner other({.seed = 6});
  CHECK(learner.Difficulty("a") == same.Difficulty("a"));
  CHECK(learner.Difficulty("a") != learner.Difficulty("b"));
  CHECK(learner.Difficulty("a") != other.Difficulty("a"));
}

TEST_CASE("the pass rate is the logistic of skill over difficulty", "[unit]") {
  const SimulatedLearner learner({.seed = 5});
  const double difficulty = learner.Difficulty("a");
  CHECK(learner.PassRate("a", {.skill = difficulty}).value() == 0.5);
  CHECK(learner.PassRate("a", {.skill = difficulty + std::log(3.0)}).value() ==
        Approx(0.75));
  CHECK(learner.PassRate("a", {.skill = -1000}).value() == 0);
  CHECK(learner.PassRate("a", {.skill = 1000}).value() == 1);
}

TEST_CASE("skill grows with groups that have variance, and only with them",
          "[unit]") {
  const SimulatedLearner learner({.skill_per_group = 0.25});
  CHECK(learner.SkillAfter(1.0, 0) == 1.0);
  CHECK(learner.SkillAfter(1.0, 4) == 2.0);
}

// Over prompts: standard deviation of the mean is 0.003, so a bound of 5.
TEST_CASE("at the start about 44 % of groups of 8 have variance",
          "[unit][stat]") {
  const SimulatedLearner learner({.seed = 1});
  double effective = 0;
  constexpr int kPrompts = 20'000;
  for (int i = 0; i < kPrompts; ++i) {
    const double p = learner.PassRate(absl::StrCat("prompt-", i), {}).value();
    effective += 1 - std::pow(p, 8) - std::pow(1 - p, 8);
  }
  CHECK(std::abs(effective / kPrompts - 0.44) < 0.015);
}

}  // namespace
}  // namespace vade::load
