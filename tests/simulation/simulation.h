// Simulation: random operations, clock jumps, failing writes, crashes and
// restarts on the whole engine, each step checked against the plain model. One
// seed decides everything. Thread-compatible.
#ifndef VADE_TESTS_SIMULATION_SIMULATION_H_
#define VADE_TESTS_SIMULATION_SIMULATION_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "storage/store.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/model.h"
#include "tests/simulation/operation.h"
#include "tests/simulation/system.h"

namespace vade::simulation {

struct SimulationOptions {
  uint64_t seed = 1;
  uint64_t steps = 1000;
  Flaw flaw = Flaw::kNone;  // of the model
};

class Simulation {
 public:
  // `disk` is empty and outlives the simulation.
  Simulation(SimulationOptions options, storage::Store& disk)
      : options_(options), dice_(options.seed), system_(disk) {}

  // Empty if the engine and the model agreed at every step; else what differed,
  // with the seed, the step and the operations before it.
  std::string Run();

  // To see that a run of the simulation did something of each kind.
  struct Counts {
    uint64_t operations = 0;
    uint64_t refused = 0;
    uint64_t crashes = 0;
    uint64_t found_after_crash = 0;
    uint64_t lost_in_crash = 0;
    uint64_t late = 0;
    uint64_t superseded = 0;
  };
  const Counts& counts() const { return counts_; }

 private:
  std::string Step();
  std::string CreateRun();
  std::string DeleteRun(const std::string& run_id);
  // `count` operations on one run, answered by one write.
  std::string Operate(const std::string& run_id, int count);
  std::string Crash();
  // The run may be as before `operations`, which were asked for at `asked`, or
  // as after those of some commits, the first or all.
  std::string Recover(const std::string& run_id,
                      const std::vector<Operation>& operations,
                      absl::Time asked);
  std::string Settle(Model& model, const std::vector<Operation>& operations,
                     absl::Time asked, const Snapshot& snapshot);
  std::string FailToPerform(const std::string& run_id,
                            std::vector<Operation>& operations);
  std::string CheckRefusal(const std::string& run_id);
  std::string Check(const std::string& run_id);
  std::string CheckPayloads(const std::string& run_id);
  std::string CheckRunIds();
  std::vector<Operation> RandomOperations(const Model& model, int count);
  void JumpClock();
  const std::string& RandomRunId();
  void Log(std::string line);
  void LogAll(const std::string& run_id,
              const std::vector<Operation>& operations);

  const SimulationOptions options_;
  Dice dice_;
  System system_;
  std::map<std::string, Model> models_;  // by run id
  std::map<std::string, uint32_t> run_numbers_;
  uint32_t last_run_number_ = 0;
  uint64_t last_epoch_ = 0;
  std::deque<std::string> log_;
  Counts counts_;
};

}  // namespace vade::simulation

#endif  // VADE_TESTS_SIMULATION_SIMULATION_H_
