#include "tests/sampling/prompt_pool.h"

#include <algorithm>

namespace vade::sampling {

Population MakePopulation(const std::vector<Evidence>& evidence) {
  Population population;
  population.Resize(static_cast<uint32_t>(evidence.size()));
  for (uint32_t i = 0; i < evidence.size(); ++i) {
    population.SetHot(i, {evidence[i].alpha, evidence[i].beta, 0});
    population.SetFree(i, true);
  }
  return population;
}

SelectionInput InputOf(const Population& population, uint32_t count,
                       uint64_t seed, uint64_t sequence) {
  SelectionInput input;
  input.population = &population;
  input.eligible_count = population.free_count();
  for (uint32_t i = 0; i < population.size(); ++i) {
    const HotState& hot = population.hot(i);
    input.max_evidence = std::max(input.max_evidence, hot.alpha + hot.beta);
  }
  input.count = count;
  input.seed = seed;
  input.sequence = sequence;
  return input;
}

}  // namespace vade::sampling
