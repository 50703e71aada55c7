#include "client/load/keyed_random.h"

#include <algorithm>
#include <array>
#include <boost/math/distributions/chi_squared.hpp>
#include <cstdint>
#include <numeric>
#include <vector>

#include "client/load/rollout_source.h"
#include "tests/catch.h"

namespace vade::load {
namespace {

// How well `draws` of 16 equal cells fit, as a p-value.
double FitOfUniform(const std::vector<double>& draws) {
  std::array<int, 16> cells{};
  for (const double draw : draws) {
    ++cells[static_cast<size_t>(draw * cells.size())];
  }
  const double expected =
      static_cast<double>(draws.size()) / static_cast<double>(cells.size());
  double chi = 0;
  for (const int count : cells) {
    chi += (count - expected) * (count - expected) / expected;
  }
  const boost::math::chi_squared distribution(cells.size() - 1);
  return boost::math::cdf(boost::math::complement(distribution, chi));
}

TEST_CASE("a key has the same numbers in every process", "[unit]") {
  CHECK(HashText("") == 0xcbf29ce484222325);
  CHECK(HashText("a") == 0xaf63dc4c8601ec8c);
  CHECK(MixKey({1, 2, 3}) == MixKey({1, 2, 3}));
  CHECK(MixKey({1, 2, 3}) != MixKey({1, 3, 2}));
  CHECK(MixKey({1}) != MixKey({1, 0}));
}

// The keys are fixed, so this passes or fails for ever; over keys it would
// fail once in a million.
TEST_CASE("numbers of neighbouring keys are uniform", "[unit][stat]") {
  std::vector<double> draws;
  std::vector<double> skewed;
  for (uint64_t i = 0; i < 64'000; ++i) {
    draws.push_back(UnitUniform(MixKey({7, i / 100, i % 100})));
    skewed.push_back(draws.back() * draws.back());
  }
  CHECK(*std::min_element(draws.begin(), draws.end()) > 0);
  CHECK(*std::max_element(draws.begin(), draws.end()) < 1);
  CHECK(FitOfUniform(draws) > 1e-6);
  CHECK(FitOfUniform(skewed) < 1e-6);
}

TEST_CASE("a shuffle keeps the items and follows its key", "[unit]") {
  std::vector<int> items(100);
  std::iota(items.begin(), items.end(), 0);
  std::vector<int> first = items;
  std::vector<int> again = items;
  std::vector<int> other = items;
  KeyedShuffle(1, first);
  KeyedShuffle(1, again);
  KeyedShuffle(2, other);
  CHECK(first == again);
  CHECK(first != other);
  CHECK(first != items);
  std::sort(first.begin(), first.end());
  CHECK(first == items);
}

// Standard deviation of the share is 0.0022: a bound of 5 of them.
TEST_CASE("rollouts succeed as often as their pass rate says", "[unit][stat]") {
  const RolloutStep step{.seed = 3, .step = 11};
  int successes = 0;
  int both = 0;
  for (uint32_t i = 0; i < 40'000; ++i) {
    const bool success = RolloutSucceeds(step, "p", i, 0.3);
    successes += success ? 1 : 0;
    both += success && RolloutFails(step, "p", i, 0.3) ? 1 : 0;
  }
  CHECK(std::abs(successes / 40'000.0 - 0.3) < 5 * 0.0023);
  // Failing is independent of succeeding: 0.3 * 0.3.
  CHECK(std::abs(both / 40'000.0 - 0.09) < 5 * 0.0015);
  CHECK_FALSE(RolloutSucceeds(step, "p", 0, 0));
  CHECK(RolloutSucceeds(step, "p", 0, 1));
}

}  // namespace
}  // namespace vade::load
