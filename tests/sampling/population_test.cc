#include "server/sampling/population.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "server/sampling/selector.h"
#include "tests/catch.h"
#include "tests/sampling/prompt_pool.h"

namespace vade::sampling {
namespace {

TEST_CASE("A population grows by any steps and new prompts are not free",
          "[unit]") {
  Population population;
  for (const uint32_t size : {0u, 1u, 63u, 64u, 65u, 4096u, 4097u, 20000u}) {
    population.Resize(size);
    CHECK(population.size() == size);
  }
  CHECK(population.free_count() == 0);
  for (uint32_t i = 0; i < population.size(); ++i) {
    CHECK(population.hot(i) == HotState());
    CHECK_FALSE(population.free(i));
    CHECK(population.label_set(i) == 0);
    CHECK(population.pass(i) == 0);
  }
}

TEST_CASE("What is set of a prompt is found, and of no other", "[unit]") {
  Population population;
  population.Resize(10000);
  for (const uint32_t i : {0u, 63u, 64u, 4095u, 4096u, 9999u}) {
    population.SetHot(i, {i + 1.0, 2, 3});
    population.SetFree(i, true);
    population.SetFree(i, true);
    population.SetLabelSet(i, i + 2);
    population.SetPass(i, i + 3);
  }
  population.Resize(12000);
  CHECK(population.free_count() == 6);
  CHECK(population.hot(4096) == HotState{4097, 2, 3});
  CHECK(&population.hot(4096) == population.chunk(1));
  CHECK(population.hot(4097) == HotState());
  CHECK(population.label_set(9999) == 10001);
  CHECK(population.label_set(9998) == 0);
  CHECK(population.pass(63) == 66);
  CHECK(population.pass(62) == 0);
  CHECK(population.free_bits(0) == (uint64_t{1} << 63 | 1));
  CHECK(population.free_bits(1) == 1);
  population.SetFree(63, false);
  CHECK(population.free_count() == 5);
  CHECK(population.free_bits(0) == 1);
}

std::vector<uint32_t> Eligible(const SelectionInput& input) {
  std::vector<uint32_t> all;
  ForEachEligible(input, [&](absl::Span<const uint32_t> prompts) {
    CHECK_FALSE(prompts.empty());
    CHECK(prompts.size() <= kEligibleChunk);
    all.insert(all.end(), prompts.begin(), prompts.end());
  });
  return all;
}

TEST_CASE("The eligible prompts are the free ones of list and filter, in order",
          "[unit]") {
  Population population = MakePopulation(std::vector<Evidence>(2000));
  for (uint32_t i = 0; i < 2000; ++i) {
    population.SetFree(i, i % 3 != 0);
    population.SetLabelSet(i, i % 4);
  }
  const std::vector<bool> matching = {true, false, true, false};
  std::vector<uint32_t> list;
  for (uint32_t i = 5; i < 2000; i += 5) list.push_back(i);
  SelectionInput input = InputOf(population, 1, 1, 1);
  for (const bool filtered : {false, true}) {
    for (const bool listed : {false, true}) {
      input.matching_sets = filtered ? &matching : nullptr;
      input.list.reset();
      if (listed) input.list = list;
      std::vector<uint32_t> expected;
      for (uint32_t i = 0; i < 2000; ++i) {
        if (i % 3 != 0 && (!filtered || i % 2 == 0) &&
            (!listed || (i > 0 && i % 5 == 0))) {
          expected.push_back(i);
        }
      }
      CHECK(Eligible(input) == expected);
    }
  }
  const Population none;
  CHECK(Eligible(InputOf(none, 1, 1, 1)).empty());
}

}  // namespace
}  // namespace vade::sampling
