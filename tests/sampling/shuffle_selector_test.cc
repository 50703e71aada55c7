#include "server/sampling/shuffle_selector.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

#include "server/sampling/random.h"
#include "tests/catch.h"
#include "tests/sampling/prompt_pool.h"
#include "tests/sampling/statistics.h"

namespace vade::sampling {
namespace {

// A run that deals by shuffle and keeps what the caller has to keep.
class ShuffledRun {
 public:
  ShuffledRun(uint32_t size, uint64_t seed)
      : seed_(seed),
        population_(MakePopulation(std::vector<Evidence>(2 * size))) {
    for (uint32_t i = 1; i < 2 * size; i += 2) population_.SetFree(i, false);
  }

  std::vector<Pick> Deal(uint32_t count) {
    SelectionInput input = InputOf(population_, count, seed_, ++sequence_);
    input.current_pass = current_pass_;
    Selection selection = selector_.Select(input);
    for (const Pick& pick : selection.picks) {
      population_.SetPass(pick.prompt, pick.pass);
    }
    current_pass_ = selection.current_pass;
    return selection.picks;
  }

  uint32_t current_pass() const { return current_pass_; }

 private:
  const ShuffleSelector selector_{Objective(ObjectiveKind::kInformationGain)};
  const uint64_t seed_;
  uint64_t sequence_ = 0;
  uint32_t current_pass_ = 1;
  Population population_;  // even indices are free
};

// The places of picks among the prompts of a ShuffledRun.
std::vector<uint32_t> Positions(const std::vector<Pick>& picks) {
  std::vector<uint32_t> positions;
  positions.reserve(picks.size());
  for (const Pick& pick : picks) positions.push_back(pick.prompt / 2);
  return positions;
}

TEST_CASE("Every prompt is dealt exactly once a pass, whatever the batches",
          "[unit]") {
  for (const uint32_t size : {1u, 7u, 64u}) {
    for (uint64_t seed = 0; seed < 20; ++seed) {
      ShuffledRun run(size, seed);
      RandomStream random(51, seed, 0, Purpose::kDraw);
      std::vector<std::vector<int>> dealt(8, std::vector<int>(size));
      while (run.current_pass() < 7) {
        const uint32_t count = static_cast<uint32_t>(
            1 + random.UniformDouble() * static_cast<double>(size));
        for (const Pick& pick : run.Deal(count)) {
          ++dealt[pick.pass][pick.prompt / 2];
        }
      }
      for (uint32_t pass = 1; pass < 7; ++pass) {
        CHECK(dealt[pass] == std::vector<int>(size, 1));
      }
    }
  }
}

TEST_CASE("No prompt is twice in a batch, even across a pass's end", "[unit]") {
  ShuffledRun run(10, 3);
  for (int batch = 0; batch < 100; ++batch) {
    const std::vector<uint32_t> positions = Positions(run.Deal(7));
    CHECK(positions.size() == 7);
    CHECK(std::set<uint32_t>(positions.begin(), positions.end()).size() == 7);
  }
  CHECK(run.current_pass() == 70);
}

TEST_CASE("The order of a pass does not depend on how it is cut into batches",
          "[unit]") {
  ShuffledRun whole(50, 4);
  ShuffledRun cut(50, 4);
  const std::vector<uint32_t> expected = Positions(whole.Deal(50));
  std::vector<uint32_t> got;
  for (const uint32_t count : {1u, 20u, 9u, 20u}) {
    for (const uint32_t position : Positions(cut.Deal(count))) {
      got.push_back(position);
    }
  }
  CHECK(got == expected);
}

TEST_CASE("A batch ends a pass and begins the next in one", "[unit]") {
  ShuffledRun run(10, 5);
  run.Deal(8);
  CHECK(run.current_pass() == 1);
  const std::vector<Pick> picks = run.Deal(5);
  REQUIRE(picks.size() == 5);
  for (size_t i = 0; i < 5; ++i) CHECK(picks[i].pass == (i < 2 ? 1 : 2));
  CHECK(run.current_pass() == 2);
}

TEST_CASE("A batch that just empties a pass does not begin another", "[unit]") {
  ShuffledRun run(10, 5);
  run.Deal(10);
  CHECK(run.current_pass() == 1);
  run.Deal(1);
  CHECK(run.current_pass() == 2);
}

TEST_CASE("A shuffle of more than is eligible deals everything once",
          "[unit]") {
  ShuffledRun run(10, 6);
  CHECK(run.Deal(1000).size() == 10);
  CHECK(run.current_pass() == 1);
  CHECK(ShuffledRun(0, 6).Deal(5).empty());
  CHECK(run.Deal(0).empty());
}

TEST_CASE("Without passes every prompt counts as never dealt", "[unit]") {
  const std::vector<Evidence> evidence = {{1, 0}, {1, 7}, {0, 0}};
  const Population population = MakePopulation(evidence);
  const Objective objective(ObjectiveKind::kInformationGain);
  const Selection selection =
      ShuffleSelector(objective).Select(InputOf(population, 3, 0, 0));
  REQUIRE(selection.picks.size() == 3);
  for (const Pick& pick : selection.picks) {
    const double mean = PosteriorMean(evidence[pick.prompt]);
    CHECK(pick.estimate == mean);
    CHECK(pick.score == objective.Score(mean));
    CHECK(pick.pass == 1);
  }
}

// The number of the permutation `order` of 0..4 among all 120.
uint32_t PermutationRank(const std::vector<uint32_t>& order) {
  uint32_t rank = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    uint32_t smaller_after = 0;
    for (size_t j = i + 1; j < order.size(); ++j) {
      if (order[j] < order[i]) ++smaller_after;
    }
    rank = rank * static_cast<uint32_t>(order.size() - i) + smaller_after;
  }
  return rank;
}

TEST_CASE("All orders of a pass are equally likely and passes independent",
          "[stat]") {
  constexpr uint64_t kSeed = 52'000'000;
  std::vector<uint64_t> orders(120);
  std::vector<uint64_t> first_of_both(25);
  std::vector<uint64_t> broken(120);
  for (uint64_t i = 0; i < 12'000; ++i) {
    ShuffledRun run(5, kSeed + i);
    const std::vector<uint32_t> order = Positions(run.Deal(5));
    const std::vector<uint32_t> next = Positions(run.Deal(5));
    ++orders[PermutationRank(order)];
    ++first_of_both[order[0] * 5 + next[0]];

    // The classic mistake: swap each place with any, not with a later one.
    std::vector<uint32_t> swapped = {0, 1, 2, 3, 4};
    RandomStream random(kSeed, i, 0, Purpose::kShuffle);
    for (uint32_t& place : swapped) {
      std::swap(place,
                swapped[static_cast<size_t>(5 * random.UniformDouble())]);
    }
    ++broken[PermutationRank(swapped)];
  }
  INFO("seeds from " << kSeed);
  CHECK(CombinedP({UniformCountsP(orders), UniformCountsP(first_of_both)}) >
        kFalseAlarmRate);
  CHECK(UniformCountsP(broken) < kFalseAlarmRate);
}

TEST_CASE("A prompt's place in a pass is what it has always been", "[unit]") {
  CHECK(ShuffleKey(42, 3, 1001) == 0xec06071e4cda796c);
}

}  // namespace
}  // namespace vade::sampling
