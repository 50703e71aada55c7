#include "server/sampling/reward_rule.h"

#include <limits>

#include "tests/catch.h"
#include "tests/engine/run_fixture.h"

namespace vade::sampling {
namespace {

using storage::RewardRule;
using storage::RewardRuleKind;

constexpr double kNanReward = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfiniteReward = std::numeric_limits<double>::infinity();

RewardRule Range(double min, double max) {
  RewardRule rule;
  rule.min = min;
  rule.max = max;
  return rule;
}

RewardRule Threshold(double threshold) {
  RewardRule rule;
  rule.kind = RewardRuleKind::kThreshold;
  rule.min = -1e9;
  rule.max = 1e9;
  rule.threshold = threshold;
  return rule;
}

TEST_CASE("A range maps its rewards linearly to [0, 1]", "[unit]") {
  CHECK(SuccessOf(Range(0, 1), 0) == 0.0);
  CHECK(SuccessOf(Range(0, 1), 0.25) == 0.25);
  CHECK(SuccessOf(Range(0, 1), 1) == 1.0);
  CHECK(SuccessOf(Range(-1, 3), -1) == 0.0);
  CHECK(SuccessOf(Range(-1, 3), 0) == 0.25);
  CHECK(SuccessOf(Range(-1, 3), 3) == 1.0);
}

TEST_CASE("Rewards outside the range have no success", "[unit]") {
  for (const double reward :
       {-0.001, 1.001, kNanReward, kInfiniteReward, -kInfiniteReward}) {
    CHECK(SuccessOf(Range(0, 1), reward) == std::nullopt);
  }
}

TEST_CASE("A threshold makes rewards 0 or 1, its own value 1", "[unit]") {
  CHECK(SuccessOf(Threshold(0.5), 0.5) == 1.0);
  CHECK(SuccessOf(Threshold(0.5), 0.4999) == 0.0);
  CHECK(SuccessOf(Threshold(-3), -2) == 1.0);
  CHECK(SuccessOf(Threshold(0.5), 1e9) == 1.0);
  CHECK(SuccessOf(Threshold(0.5), -1e9) == 0.0);
  for (const double reward : {1.1e9, -1.1e9, kNanReward, kInfiniteReward}) {
    CHECK(SuccessOf(Threshold(0.5), reward) == std::nullopt);
  }
}

TEST_CASE("A rule must be finite, small and not empty", "[unit]") {
  CHECK(ValidateRule(Range(0, 1)).ok());
  CHECK(ValidateRule(Range(-1e9, 1e9)).ok());
  CHECK(ValidateRule(Threshold(1e9)).ok());
  for (const RewardRule& bad :
       {Range(1, 1), Range(2, 1), Range(kNanReward, 1), Range(0, kNanReward),
        Range(-kInfiniteReward, 1), Range(0, 1.1e9), Threshold(kNanReward),
        Threshold(kInfiniteReward), Threshold(-1.1e9)}) {
    CHECK(ReasonOf(ValidateRule(bad)) == "INVALID_FIELD");
  }
}

TEST_CASE("The narrowest range still gives successes in [0, 1]", "[unit]") {
  const RewardRule rule = Range(1e9 - 1e-7, 1e9);
  REQUIRE(ValidateRule(rule).ok());
  CHECK(SuccessOf(rule, rule.min) == 0.0);
  CHECK(SuccessOf(rule, rule.max) == 1.0);
}

}  // namespace
}  // namespace vade::sampling
