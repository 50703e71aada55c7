#include "tests/benchmark/selection_states.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "server/sampling/policy.h"
#include "server/sampling/posterior.h"
#include "server/sampling/random.h"

namespace vade::benchmarks {
namespace {

using sampling::Evidence;
using sampling::HotState;
using sampling::Purpose;
using sampling::RandomStream;

constexpr uint64_t kSeed = 20251122;
constexpr uint32_t kTrainedSteps = 300;
constexpr uint32_t kBatchSize = 512;
constexpr uint32_t kGroupSize = 8;
constexpr double kSelectedDecay = 0.2;
constexpr double kUnselectedDecay = 0.999;
constexpr double kManyRollouts = 1000;
constexpr uint32_t kHeavyOneIn = 1000;

double PassRate(uint32_t prompt) {
  RandomStream random(kSeed, 0, prompt, Purpose::kDraw);
  const double u = random.UniformDouble();
  const double difficulty = 1 + 2.5 * std::log(u / (1 - u));
  return 1 / (1 + std::exp(difficulty));
}

void Put(SelectionState& state, uint32_t prompt, const HotState& hot) {
  state.population.SetHot(prompt, hot);
  state.max_evidence = std::max(state.max_evidence, hot.alpha + hot.beta);
}

double Successes(uint32_t prompt, uint32_t step) {
  RandomStream random(kSeed, step, prompt, Purpose::kDraw);
  const double pass_rate = PassRate(prompt);
  double successes = 0;
  for (uint32_t i = 0; i < kGroupSize; ++i) {
    if (random.UniformDouble() < pass_rate) ++successes;
  }
  return successes;
}

void Train(SelectionState& state) {
  const auto selector =
      sampling::MakeSelector(*sampling::FindPolicy("vade"), 0.5);
  for (uint32_t step = 1; step <= kTrainedSteps; ++step) {
    sampling::SelectionInput input = InputOf(state, kBatchSize);
    input.sequence = step;
    for (const sampling::Pick& pick : selector->Select(input).picks) {
      const double successes = Successes(pick.prompt, step);
      const Evidence evidence =
          sampling::Observe(input.EvidenceOf(pick.prompt), successes,
                            kGroupSize - successes, kSelectedDecay);
      Put(state, pick.prompt, {evidence.alpha, evidence.beta, state.clock});
    }
    state.clock += 1;
  }
}

void Concentrate(SelectionState& state, uint32_t one_in) {
  for (uint32_t i = 0; i < state.population.size(); i += one_in) {
    RandomStream random(kSeed, 0, i, Purpose::kShuffle);
    const double successes = kManyRollouts * random.UniformDouble();
    Put(state, i, {successes, kManyRollouts - successes, state.clock});
  }
}

void SetAll(SelectionState& state, double alpha, double beta) {
  for (uint32_t i = 0; i < state.population.size(); ++i) {
    Put(state, i, {alpha, beta, state.clock});
  }
}

}  // namespace

std::vector<std::string> SelectionStateNames() {
  return {"trained", "fresh", "solved", "unsolved", "concentrated", "heavy"};
}

SelectionState MakeSelectionState(const std::string& name, uint32_t prompts) {
  SelectionState state;
  state.population.Resize(prompts);
  for (uint32_t i = 0; i < prompts; ++i) state.population.SetFree(i, true);
  // What a prompt has that is dealt at every step and always ends alike.
  const double saturated = kGroupSize / (1 - kSelectedDecay);
  if (name == "solved") SetAll(state, saturated, 0);
  if (name == "unsolved") SetAll(state, 0, saturated);
  if (name == "concentrated") Concentrate(state, 1);
  if (name == "trained" || name == "heavy") Train(state);
  if (name == "heavy") Concentrate(state, kHeavyOneIn);
  return state;
}

void KeepFree(SelectionState& state, double share) {
  for (uint32_t i = 0; i < state.population.size(); ++i) {
    RandomStream random(kSeed, 1, i, Purpose::kShuffle);
    state.population.SetFree(i, random.UniformDouble() < share);
  }
}

sampling::SelectionInput InputOf(const SelectionState& state, uint32_t count) {
  sampling::SelectionInput input;
  input.population = &state.population;
  input.eligible_count = state.population.free_count();
  input.clock = state.clock;
  input.unselected_decay = kUnselectedDecay;
  input.max_evidence = state.max_evidence;
  input.count = count;
  input.seed = kSeed;
  return input;
}

}  // namespace vade::benchmarks
