#include "server/sampling/sweep_selector.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <set>
#include <vector>

#include "server/sampling/sweep.h"
#include "tests/catch.h"
#include "tests/sampling/prompt_pool.h"

namespace vade::sampling {
namespace {

// Evidence of one group each, its pass rates spread over [0, 1]; or what
// `evidence` says for prompt i.
std::vector<Evidence> Spread(uint32_t size) {
  std::vector<Evidence> evidence(size);
  for (uint32_t i = 0; i < size; ++i) {
    const double successes = i % 9;
    evidence[i] = {successes, 8 - successes};
  }
  return evidence;
}

// What every batch must be.
void CheckSelection(const Selection& selection, const SelectionInput& input) {
  CHECK(selection.picks.size() ==
        std::min<uint64_t>(input.count, input.eligible_count));
  std::set<uint32_t> prompts;
  double last = 0;
  for (const Pick& pick : selection.picks) {
    CHECK(input.IsEligible(pick.prompt));
    CHECK(prompts.insert(pick.prompt).second);
    const double deficit = kGain.Deficit(pick.estimate);
    CHECK(deficit >= last);
    last = deficit;
    CHECK(pick.score == kGain.Score(pick.estimate));
  }
}

TEST_CASE("Batches are whole, in order and without repeats on any path",
          "[unit]") {
  const SweepSelector selector(kGain);
  const std::vector<std::vector<Evidence>> pools = {
      Spread(1),
      Spread(100),
      Spread(20000),
      std::vector<Evidence>(20000),
      std::vector<Evidence>(20000, {9.9, 0.1}),
      std::vector<Evidence>(20000, {0.1, 9.9}),
      std::vector<Evidence>(20000, {0, 1e6}),
      std::vector<Evidence>(20000, {333, 667})};
  for (const std::vector<Evidence>& evidence : pools) {
    Population population = MakePopulation(evidence);
    for (uint32_t i = 2; i < population.size(); i += 5) {
      population.SetFree(i, false);
    }
    for (const uint32_t count : {0u, 1u, 64u, 500u, 30000u}) {
      INFO(population.size() << " prompts, batch of " << count);
      const SelectionInput input = InputOf(population, count, 3, count);
      CheckSelection(selector.Select(input), input);
    }
  }
}

// Tells batches apart by every bit of them (FNV-1a over 64-bit words).
uint64_t Digest(const std::vector<Pick>& picks) {
  uint64_t digest = 0xcbf2'9ce4'8422'2325;
  for (const Pick& pick : picks) {
    for (const uint64_t word :
         {uint64_t{pick.prompt}, std::bit_cast<uint64_t>(pick.estimate)}) {
      digest = (digest ^ word) * 0x100'0000'01b3;
    }
  }
  return digest;
}

// Of the paths that batches take: by the sweep, by the sweep and the scan, and
// by the scan with and without a guess.
TEST_CASE("A batch is the same on every CPU and in every version", "[unit]") {
  struct Case {
    std::vector<Evidence> evidence;
    uint32_t count;
    uint64_t digest;
  };
  const std::vector<Evidence> solved(50000, {9.9, 0.1});
  const std::vector<Evidence> few = Spread(500);
  const Case cases[] = {{Spread(50000), 1, 0x03ba'78ab'8ffa'bfac},
                        {Spread(50000), 300, 0x7f5a'825d'49d9'6765},
                        {Spread(50000), 2000, 0xec76'b082'e36f'fe6a},
                        {solved, 1, 0x3f9e'bf49'79c1'6c41},
                        {solved, 300, 0xe91b'90f8'3c9f'466f},
                        {solved, 2000, 0x2d66'1fc0'de0b'8fce},
                        {few, 1, 0xc29b'97b4'7f5c'4a97},
                        {few, 100, 0xd778'639b'e137'aeee},
                        {few, 500, 0xca2e'3d85'ed45'1838}};
  for (const Case& c : cases) {
    const Population population = MakePopulation(c.evidence);
    SelectionInput input = InputOf(population, c.count, 5, 6);
    input.clock = 30;
    input.unselected_decay = 0.99;
    for (const Kernels* kernels : AvailableKernels()) {
      INFO(kernels->name << ", batch of " << c.count << " from "
                         << c.evidence.size());
      CHECK(Digest(SweepSelector(kGain, *kernels).Select(input).picks) ==
            c.digest);
    }
  }
}

TEST_CASE("A selection repeats, and changes with seed and sequence", "[unit]") {
  const Population population = MakePopulation(Spread(100000));
  const SweepSelector selector(kGain);
  const auto select = [&](uint64_t seed, uint64_t sequence) {
    return selector.Select(InputOf(population, 50, seed, sequence)).picks;
  };
  CHECK(select(1, 1) == select(1, 1));
  CHECK(select(1, 1) != select(1, 2));
  CHECK(select(1, 1) != select(2, 1));
}

TEST_CASE("A list restricts the choice, whoever else is free", "[unit]") {
  const Population population = MakePopulation(Spread(100000));
  std::vector<uint32_t> list;
  for (uint32_t i = 7; i < population.size(); i += 13) list.push_back(i);
  for (const uint32_t count : {20u, 1000u, 100000u}) {
    SelectionInput input = InputOf(population, count, 3, 4);
    input.list = list;
    input.eligible_count = list.size();
    const Selection selection = SweepSelector(kGain).Select(input);
    CheckSelection(selection, input);
    for (const Pick& pick : selection.picks) CHECK(pick.prompt % 13 == 7);
  }
}

TEST_CASE("Only prompts of matching label sets are chosen", "[unit]") {
  Population population = MakePopulation(Spread(100000));
  for (uint32_t i = 0; i < population.size(); ++i) {
    population.SetLabelSet(i, i % 4);
  }
  const std::vector<bool> matching = {false, true, false, true};
  for (const uint32_t count : {20u, 100000u}) {
    SelectionInput input = InputOf(population, count, 3, 4);
    input.matching_sets = &matching;
    input.eligible_count = population.size() / 2;
    CheckSelection(SweepSelector(kGain).Select(input), input);
  }
}

TEST_CASE("A sweep ends early where posteriors avoid the mode", "[unit]") {
  const Population population =
      MakePopulation(std::vector<Evidence>(50000, {9.9, 0.1}));
  const SelectionInput input = InputOf(population, 64, 3, 4);
  const SweepStages stages(kGain, BestKernels());
  std::vector<Pick> picks;
  const Swept swept = RunSweep(input, kGain, BestKernels(),
                               stages.For(input.max_evidence), picks);
  CHECK(picks.size() < 64);
  CHECK(swept.taken.size() == picks.size());
  CHECK(swept.deficit > 0);
  CHECK(swept.window.length() > 0);
  CHECK(swept.mass_bound < 1);
}

}  // namespace
}  // namespace vade::sampling
