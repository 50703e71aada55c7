#include "server/sampling/top_selector.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <numeric>
#include <vector>

#include "server/sampling/random.h"
#include "tests/catch.h"
#include "tests/sampling/prompt_pool.h"
#include "tests/sampling/statistics.h"

namespace vade::sampling {
namespace {

std::unique_ptr<const Estimator> MakeThompson() {
  return std::make_unique<ThompsonEstimator>();
}

// Prompts with gaps in their indices and evidence of all kinds.
struct Pool {
  explicit Pool(uint32_t size) {
    RandomStream random(41, 0, 0, Purpose::kDraw);
    std::vector<Evidence> evidence(3 * size + 1);
    for (uint32_t i = 0; i < size; ++i) {
      eligible.push_back(3 * i + 1);
      evidence[eligible.back()] = {i % 3 * 4 * random.UniformDouble(),
                                   i % 5 * random.UniformDouble()};
    }
    population = MakePopulation(evidence);
    for (uint32_t i = 0; i < population.size(); ++i) {
      population.SetFree(i, i % 3 == 1);
    }
  }

  SelectionInput Input(uint32_t count, uint64_t seed, uint64_t sequence) const {
    return InputOf(population, count, seed, sequence);
  }

  std::vector<uint32_t> eligible;
  Population population;
};

// The selection by its definition: estimate all, sort all.
std::vector<Pick> SortAll(const Pool& pool, const SelectionInput& input,
                          const Estimator& estimator,
                          const Objective& objective) {
  std::vector<Evidence> evidence;
  for (const uint32_t prompt : pool.eligible) {
    evidence.push_back(input.EvidenceOf(prompt));
  }
  std::vector<double> estimates(evidence.size());
  estimator.Estimate(pool.eligible, evidence, input.seed, input.sequence,
                     absl::MakeSpan(estimates));
  std::vector<uint32_t> order(estimates.size());
  std::iota(order.begin(), order.end(), 0);
  const auto tie_break = [&](uint32_t position) {
    return TieBreak(input.seed, input.sequence, pool.eligible[position]);
  };
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    const double a_deficit = objective.Deficit(estimates[a]);
    const double b_deficit = objective.Deficit(estimates[b]);
    if (a_deficit != b_deficit) return a_deficit < b_deficit;
    return tie_break(a) < tie_break(b);
  });
  order.resize(std::min<size_t>(order.size(), input.count));
  std::vector<Pick> picks;
  picks.reserve(order.size());
  for (const uint32_t position : order) {
    picks.push_back({pool.eligible[position], estimates[position],
                     objective.Score(estimates[position]), 0});
  }
  return picks;
}

TEST_CASE("The top selection is the head of the sorted list", "[unit]") {
  const Objective objectives[] = {Objective(ObjectiveKind::kInformationGain),
                                  Objective(ObjectiveKind::kVariance),
                                  Objective(ObjectiveKind::kNearTarget, 0.7)};
  for (const uint32_t size : {1u, 2u, 255u, 256u, 257u, 1000u}) {
    const Pool pool(size);
    for (const uint32_t count : {1u, 2u, 64u, 256u, 1000u, 5000u}) {
      for (const Objective& objective : objectives) {
        const SelectionInput input = pool.Input(count, size, count);
        CHECK(TopSelector(MakeThompson(), objective).Select(input).picks ==
              SortAll(pool, input, ThompsonEstimator(), objective));
        CHECK(TopSelector(std::make_unique<MeanEstimator>(), objective)
                  .Select(input)
                  .picks == SortAll(pool, input, MeanEstimator(), objective));
      }
    }
  }
}

TEST_CASE("Nothing wanted or nothing eligible selects nothing", "[unit]") {
  const TopSelector selector(MakeThompson(),
                             Objective(ObjectiveKind::kInformationGain));
  CHECK(selector.Select(Pool(10).Input(0, 1, 1)).picks.empty());
  CHECK(selector.Select(Pool(0).Input(10, 1, 1)).picks.empty());
}

TEST_CASE("The top selector leaves the pass alone", "[unit]") {
  const Pool pool(10);
  SelectionInput input = pool.Input(10, 1, 1);
  input.current_pass = 7;
  const Selection selection =
      TopSelector(MakeThompson(), Objective(ObjectiveKind::kInformationGain))
          .Select(input);
  CHECK(selection.current_pass == 7);
  for (const Pick& pick : selection.picks) CHECK(pick.pass == 0);
}

TEST_CASE("A prompt's draw does not depend on which others are eligible",
          "[unit]") {
  const TopSelector selector(MakeThompson(),
                             Objective(ObjectiveKind::kInformationGain));
  const Pool pool(600);
  const Selection all = selector.Select(pool.Input(20, 1, 1));
  // Without the best, the rest of the batch stays as it was.
  Pool rest(600);
  rest.population.SetFree(all.picks[0].prompt, false);
  const Selection others = selector.Select(rest.Input(19, 1, 1));
  for (size_t i = 0; i < 19; ++i) {
    CHECK(others.picks[i] == all.picks[i + 1]);
  }
}

TEST_CASE("A larger batch begins with the smaller one", "[unit]") {
  const TopSelector selector(MakeThompson(),
                             Objective(ObjectiveKind::kInformationGain));
  const Pool pool(600);
  const Selection large = selector.Select(pool.Input(100, 1, 1));
  const Selection small = selector.Select(pool.Input(10, 1, 1));
  CHECK(
      std::equal(small.picks.begin(), small.picks.end(), large.picks.begin()));
}

TEST_CASE("Prompts of equal score are dealt without regard to their index",
          "[stat]") {
  // All prompts of a fresh run tie under the posterior mean.
  constexpr uint64_t kSeed = 42;
  constexpr uint32_t kPrompts = 300;
  constexpr uint32_t kCalls = 3000;
  const Population population = MakePopulation(std::vector<Evidence>(kPrompts));
  const TopSelector selector(std::make_unique<MeanEstimator>(),
                             Objective(ObjectiveKind::kInformationGain));
  std::vector<uint64_t> dealt(kPrompts);
  std::vector<uint64_t> low_first(kPrompts);
  for (uint32_t call = 0; call < kCalls; ++call) {
    const Selection selection =
        selector.Select(InputOf(population, 1, kSeed, call));
    const uint32_t prompt = selection.picks[0].prompt;
    ++dealt[prompt];
    // A mutant that favours low indices in a tenth of all ties.
    ++low_first[call % 10 == 0 ? prompt / 10 : prompt];
  }
  INFO("seed " << kSeed);
  CHECK(UniformCountsP(dealt) > kFalseAlarmRate);
  CHECK(UniformCountsP(low_first) < kFalseAlarmRate);
}

TEST_CASE("A batch of seed and sequence is what it has always been", "[unit]") {
  const Pool pool(1000);
  const Selection selection =
      TopSelector(MakeThompson(), Objective(ObjectiveKind::kInformationGain))
          .Select(pool.Input(5, 2026, 31));
  std::vector<uint32_t> positions;
  for (const Pick& pick : selection.picks) {
    positions.push_back((pick.prompt - 1) / 3);
  }
  CHECK(positions == std::vector<uint32_t>{42, 575, 18, 119, 645});
}

}  // namespace
}  // namespace vade::sampling
