// The whole engine, a seed at a time. A failure prints its seed and step;
//   VADE_SIMULATION_SEED=... VADE_SIMULATION_STEPS=... vade-simulation-test
//       "The seed of the environment is simulated"
// replays it.
#include "tests/simulation/simulation.h"

#include <cstdlib>
#include <memory>
#include <string>

#include "storage/rocksdb_store.h"
#include "tests/catch.h"
#include "tests/simulation/map_store.h"

namespace vade::simulation {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

std::string Simulate(SimulationOptions options,
                     Simulation::Counts* counts = nullptr) {
  MapStore disk;
  Simulation simulation(options, disk);
  std::string difference = simulation.Run();
  if (counts != nullptr) *counts = simulation.counts();
  return difference;
}

TEST_CASE("Engine and model agree through random operations and crashes",
          "[unit]") {
  const uint64_t seed = GENERATE(1, 2, 3, 4, 5, 6);
  Simulation::Counts counts;
  CHECK(Simulate({seed, 1500, Flaw::kNone}, &counts) == "");
  // That it did what it is for.
  CHECK(counts.operations > 1000);
  CHECK(counts.refused > 50);
  CHECK(counts.crashes > 10);
  CHECK(counts.found_after_crash > 0);
  CHECK(counts.lost_in_crash > 0);
  CHECK(counts.late > 0);
  CHECK(counts.superseded > 0);
}

TEST_CASE("Engine and model agree on a RocksDB store too", "[unit]") {
  storage::MemoryDisk memory;
  storage::RocksDbOptions options;
  options.path = "/store";
  options.memory_disk = &memory;
  options.write_buffer_bytes = size_t{1} << 20;
  auto disk = storage::OpenRocksDbStore(options);
  REQUIRE(disk.ok());
  Simulation simulation({77, 1000, Flaw::kNone}, **disk);
  CHECK(simulation.Run() == "");
}

TEST_CASE("The seed of the environment is simulated", "[unit]") {
  const uint64_t seed = FromEnvironment("VADE_SIMULATION_SEED", 99);
  const uint64_t steps = FromEnvironment("VADE_SIMULATION_STEPS", 300);
  CHECK(Simulate({seed, steps, Flaw::kNone}) == "");
}

TEST_CASE("Every deliberate mistake of the model is noticed", "[unit]") {
  const Flaw flaw = GENERATE(Flaw::kDuplicateCounts, Flaw::kLateNotDiscounted,
                             Flaw::kDecayEachReport, Flaw::kFailedIsZero,
                             Flaw::kExpiryIsEvidence, Flaw::kExpiredStaysBusy,
                             Flaw::kClockPerCall, Flaw::kOverrideKeepsOld);
  INFO("flaw " << static_cast<int>(flaw));
  // The seeds and the length of the check that must pass.
  bool noticed = false;
  for (uint64_t seed = 1; seed <= 6 && !noticed; ++seed) {
    noticed = !Simulate({seed, 1500, flaw}).empty();
  }
  CHECK(noticed);
}

TEST_CASE("Engine and model agree for hundreds of thousands of steps",
          "[slow]") {
  const uint64_t first = GENERATE(1000, 2000, 3000, 4000);
  for (uint64_t seed = first; seed < first + 10; ++seed) {
    REQUIRE(Simulate({seed, 6000, Flaw::kNone}) == "");
  }
}

}  // namespace
}  // namespace vade::simulation
