#include "server/sampling/policy.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/sampling/prompt_pool.h"

namespace vade::sampling {
namespace {

Policy Find(const std::string& name) {
  const absl::StatusOr<Policy> policy = FindPolicy(name);
  REQUIRE(policy.ok());
  CHECK(policy->name == name);
  return *policy;
}

void CheckPolicy(const std::string& name, EstimatorKind estimator,
                 ObjectiveKind objective, SelectorKind selector,
                 double selected_decay, double unselected_decay) {
  const Policy policy = Find(name);
  INFO(name);
  CHECK(policy.estimator == estimator);
  CHECK(policy.objective == objective);
  CHECK(policy.selector == selector);
  CHECK(policy.default_selected_decay == selected_decay);
  CHECK(policy.default_unselected_decay == unselected_decay);
  CHECK(policy.default_target_pass_rate == 0.5);
}

std::vector<Pick> Select(const std::string& name, double target,
                         const std::vector<Evidence>& evidence, uint32_t count,
                         uint64_t seed) {
  const Population population = MakePopulation(evidence);
  return MakeSelector(Find(name), target)
      ->Select(InputOf(population, count, seed, 0))
      .picks;
}

// One prompt for each of many pass rates, each known exactly.
std::vector<Evidence> KnownPrompts() {
  std::vector<Evidence> evidence;
  for (int i = 0; i <= 100; ++i) {
    evidence.push_back({1e9 * i / 100, 1e9 * (100 - i) / 100});
  }
  return evidence;
}

TEST_CASE("Each named policy is made of its published parts", "[unit]") {
  using E = EstimatorKind;
  using O = ObjectiveKind;
  using S = SelectorKind;
  CheckPolicy("vade", E::kThompson, O::kInformationGain, S::kTop, 0.2, 0.999);
  CheckPolicy("vade-variance", E::kThompson, O::kVariance, S::kTop, 0.2, 0.999);
  CheckPolicy("greedy", E::kMean, O::kInformationGain, S::kTop, 0.2, 0.999);
  CheckPolicy("last-update", E::kThompson, O::kInformationGain, S::kTop, 0,
              0.999);
  CheckPolicy("uniform", E::kMean, O::kInformationGain, S::kShuffle, 0.2,
              0.999);
  CheckPolicy("mopps", E::kThompson, O::kNearTarget, S::kTop, 0.5, 1);
  CHECK(PolicyNames() == std::vector<std::string>{"vade", "vade-variance",
                                                  "greedy", "last-update",
                                                  "uniform", "mopps"});
  CHECK(FindPolicy(kDefaultPolicyName).ok());
}

TEST_CASE("An unknown policy is refused with the names that exist", "[unit]") {
  for (const std::string name : {"", "VADE", "vade ", "thompson"}) {
    const absl::Status status = FindPolicy(name).status();
    CHECK(status.code() == absl::StatusCode::kInvalidArgument);
    const std::string message(status.message());
    CHECK(message.find("\"" + name + "\"") != std::string::npos);
    for (const std::string& known : PolicyNames()) {
      CHECK(message.find(known) != std::string::npos);
    }
  }
}

TEST_CASE("Policies deal the known prompt nearest to their mode", "[unit]") {
  const std::vector<Evidence> evidence = KnownPrompts();
  CHECK(Select("vade", 0.5, evidence, 1, 1)[0].prompt == 33);
  CHECK(Select("last-update", 0.5, evidence, 1, 1)[0].prompt == 33);
  CHECK(Select("greedy", 0.5, evidence, 1, 1)[0].prompt == 33);
  CHECK(Select("vade-variance", 0.5, evidence, 1, 1)[0].prompt == 50);
  CHECK(Select("mopps", 0.5, evidence, 1, 1)[0].prompt == 50);
  CHECK(Select("mopps", 0.8, evidence, 1, 1)[0].prompt == 80);
}

TEST_CASE("Greedy deals the same prompts for any seed", "[unit]") {
  const std::vector<Evidence> evidence = KnownPrompts();
  CHECK(Select("greedy", 0.5, evidence, 20, 1) ==
        Select("greedy", 0.5, evidence, 20, 2));
  CHECK_FALSE(Select("vade", 0.5, evidence, 20, 1) ==
              Select("vade", 0.5, evidence, 20, 2));
}

TEST_CASE("Uniform deals without regard to evidence", "[unit]") {
  std::vector<Evidence> evidence = KnownPrompts();
  const std::vector<Pick> before = Select("uniform", 0.5, evidence, 50, 1);
  std::reverse(evidence.begin(), evidence.end());
  const std::vector<Pick> after = Select("uniform", 0.5, evidence, 50, 1);
  for (size_t i = 0; i < before.size(); ++i) {
    CHECK(before[i].prompt == after[i].prompt);
    CHECK(before[i].pass == 1);
  }
}

}  // namespace
}  // namespace vade::sampling
