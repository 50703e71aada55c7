// Random operations on a run: mostly what trainers and workers do, and some of
// what they should not. Pure functions of the dice and the model; thread-safe
// for different dice.
#ifndef VADE_TESTS_SIMULATION_GENERATOR_H_
#define VADE_TESTS_SIMULATION_GENERATOR_H_

#include <cstdint>
#include <string>
#include <vector>

#include "storage/types.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/model.h"
#include "tests/simulation/operation.h"

namespace vade::simulation {

storage::RunSettings RandomSettings(Dice& dice);

// `count` prompts that a run starts with.
Operation FirstImport(Dice& dice, uint32_t count);
Operation RandomOperation(Dice& dice, const Model& model);

// A report of some rollouts of some groups of `batch`, with no mistake in it.
sampling::BatchReport RandomReport(Dice& dice, const Model& model,
                                   const ModelBatch& batch);

}  // namespace vade::simulation

#endif  // VADE_TESTS_SIMULATION_GENERATOR_H_
