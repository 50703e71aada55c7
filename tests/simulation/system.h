// System: the engine as a server runs it, registry, queues and workers on a
// store that can fail, driven one call after another so that a seed decides
// everything. Thread-compatible.
#ifndef VADE_TESTS_SIMULATION_SYSTEM_H_
#define VADE_TESTS_SIMULATION_SYSTEM_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/sampling/run_registry.h"
#include "server/sampling/worker_pool.h"
#include "storage/store.h"
#include "tests/simulation/compare.h"
#include "tests/simulation/manual_clock.h"
#include "tests/simulation/operation.h"
#include "tests/storage/faulty_store.h"

namespace vade::simulation {

class System {
 public:
  // `disk` outlives the system and whatever it holds when it is opened.
  explicit System(storage::Store& disk) : store_(disk) {}
  ~System() { Close(); }

  // Starts the server.
  absl::Status Open();
  // Ends it, as kill -9 would: what was not written is lost.
  void Close();

  Answer CreateRun(const std::string& run_id,
                   const storage::RunSettings& settings);
  Answer DeleteRun(const std::string& run_id, const std::string& etag);
  // Asks for all of `operations` before the first is answered, so that one
  // write holds them all.
  std::vector<Answer> Perform(const std::string& run_id,
                              const std::vector<Operation>& operations);

  // Nullopt if there is no such run.
  std::optional<Snapshot> Read(const std::string& run_id);
  std::vector<std::string> RunIds() const;
  absl::StatusOr<std::vector<std::string>> Payloads(
      uint32_t run_number, const std::vector<uint32_t>& prompts) const {
    return registry_->ReadPayloads(run_number, prompts);
  }

  ManualClock& clock() { return clock_; }
  storage::FaultyStore& store() { return store_; }
  sampling::RunRegistry& registry() { return *registry_; }

 private:
  ManualClock clock_;
  storage::FaultyStore store_;
  std::unique_ptr<sampling::WorkerPool> pool_;
  std::unique_ptr<sampling::RunRegistry> registry_;
};

}  // namespace vade::simulation

#endif  // VADE_TESTS_SIMULATION_SYSTEM_H_
