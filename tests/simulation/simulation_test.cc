// The whole engine, a seed at a time. A failure prints its seed and step;
//   VADE_SIMULATION_SEED=... VADE_SIMULATION_STEPS=... vade-simulation-test
//       "The seed of the environment is simulated"
// replays it.
#include "tests/simulation/simulation.h"

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/keys.h"
#include "storage/mutation.h"
#include "storage/rocksdb_store.h"
#include "storage/store.h"
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

// Loses what is written of one table, as a wrong key or a forgotten write
// would.
class ForgetfulStore : public storage::Store {
 public:
  ForgetfulStore(storage::Store& base, storage::Table table)
      : base_(base), table_(static_cast<char>(table)) {}

  absl::Status Write(const storage::Mutation& mutation) override {
    storage::Mutation kept;
    for (const storage::Change& change : mutation.changes()) {
      if (change.kind == storage::Change::Kind::kDeleteRange) {
        kept.DeleteRange(change.key, change.value);
      } else if (change.kind == storage::Change::Kind::kDelete) {
        kept.Delete(change.key);
      } else if (change.key[0] != table_) {
        kept.Put(change.key, change.value);
      }
    }
    return base_.Write(kept);
  }
  absl::StatusOr<std::optional<std::string>> Get(
      std::string_view key) const override {
    return base_.Get(key);
  }
  absl::StatusOr<std::vector<std::optional<std::string>>> MultiGet(
      const std::vector<std::string>& keys) const override {
    return base_.MultiGet(keys);
  }
  std::unique_ptr<storage::Cursor> Scan(std::string begin,
                                        std::string end) const override {
    return base_.Scan(std::move(begin), std::move(end));
  }
  uint64_t ApproximateBytes() const override { return 0; }

 private:
  storage::Store& base_;
  const char table_;
};

TEST_CASE("A record of any table that is not written is noticed", "[unit]") {
  for (const storage::Table table :
       {storage::Table::kRegistry, storage::Table::kRun,
        storage::Table::kProgress, storage::Table::kSeries,
        storage::Table::kPromptInfo, storage::Table::kPayload,
        storage::Table::kPromptState, storage::Table::kBatch,
        storage::Table::kLease, storage::Table::kGroup, storage::Table::kGroups,
        storage::Table::kStates}) {
    INFO("table " << static_cast<int>(table));
    MapStore disk;
    ForgetfulStore forgetful(disk, table);
    Simulation simulation({1, 1500, Flaw::kNone}, forgetful);
    CHECK(simulation.Run() != "");
  }
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

}  // namespace
}  // namespace vade::simulation
