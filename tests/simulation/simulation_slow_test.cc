// The long form of simulation_test.cc: 72,000 steps, each of one operation or
// a few, in parts that can run side by side; a third of them under a sanitizer,
// so that each part ends in minutes there too.
#include <cstdint>
#include <string>

#include "tests/catch.h"
#include "tests/simulation/map_store.h"
#include "tests/simulation/simulation.h"

namespace vade::simulation {
namespace {

#ifndef VADE_SEEDS_A_PART
#define VADE_SEEDS_A_PART 3
#endif

void SimulateFrom(uint64_t first_seed) {
  const uint64_t end = first_seed + VADE_SEEDS_A_PART;
  for (uint64_t seed = first_seed; seed < end; ++seed) {
    MapStore disk;
    Simulation simulation({seed, 6000, Flaw::kNone}, disk);
    REQUIRE(simulation.Run() == "");
  }
}

TEST_CASE("Engine and model agree for long: seeds from 1000", "[slow]") {
  SimulateFrom(1000);
}

TEST_CASE("Engine and model agree for long: seeds from 2000", "[slow]") {
  SimulateFrom(2000);
}

TEST_CASE("Engine and model agree for long: seeds from 3000", "[slow]") {
  SimulateFrom(3000);
}

TEST_CASE("Engine and model agree for long: seeds from 4000", "[slow]") {
  SimulateFrom(4000);
}

}  // namespace
}  // namespace vade::simulation
