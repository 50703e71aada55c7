// Populations for tests and benchmarks of selectors. Pure functions,
// thread-safe.
#ifndef VADE_TESTS_SAMPLING_PROMPT_POOL_H_
#define VADE_TESTS_SAMPLING_PROMPT_POOL_H_

#include <cstdint>
#include <vector>

#include "server/sampling/objective.h"
#include "server/sampling/population.h"
#include "server/sampling/posterior.h"
#include "server/sampling/selector.h"

namespace vade::sampling {

inline const Objective kGain(ObjectiveKind::kInformationGain);

// Prompts 0, 1 .. with this evidence, all of them free.
Population MakePopulation(const std::vector<Evidence>& evidence);

// Chooses among all free prompts of `population`, which outlives the input,
// with their evidence as it is stored.
SelectionInput InputOf(const Population& population, uint32_t count,
                       uint64_t seed, uint64_t sequence);

}  // namespace vade::sampling

#endif  // VADE_TESTS_SAMPLING_PROMPT_POOL_H_
