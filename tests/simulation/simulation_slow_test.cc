// The long form of simulation_test.cc: 240,000 steps, split so that each part
// ends in minutes under a sanitizer too.
#include <cstdint>
#include <string>

#include "tests/catch.h"
#include "tests/simulation/map_store.h"
#include "tests/simulation/simulation.h"

namespace vade::simulation {
namespace {

void SimulateFrom(uint64_t first_seed) {
  for (uint64_t seed = first_seed; seed < first_seed + 10; ++seed) {
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
