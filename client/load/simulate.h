// A simulated training through a running server: one trainer, several worker
// processes, and beside it, if asked, the same training under another policy.
// The learner is SIMULATED, and every output says so.
#ifndef VADE_CLIENT_LOAD_SIMULATE_H_
#define VADE_CLIENT_LOAD_SIMULATE_H_

#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/client.h"
#include "client/load/crew.h"
#include "client/load/training.h"

namespace vade::load {

struct SimulateOptions {
  CrewOptions crew;
  std::string run_id;
  // Empty: the run's own, "vade" for a new one.
  std::string policy;
  // 0: the run's own, 8 for a new one.
  uint32_t group_size = 0;
  uint32_t batch_size = 128;
  uint64_t steps = 200;
  uint64_t seed = 1;
  // Made up if the run has none.
  uint64_t prompt_count = 8000;
  // Policy of a second run of the same seed and prompts; empty: none.
  std::string compare_policy;
  // Sees each step of the first run; may be empty.
  std::function<void(const StepRecord&)> on_step;
};

struct SimulationResult {
  std::string run_id;
  std::string policy;
  StepTotals totals;
  double skill_gained = 0;
  double ever_dealt_share = 0;
  uint64_t rollout_count = 0;
};

// Trains; progress goes to `out`. One result a run. Errors: those of the calls
// and the crew, FAILED_PRECONDITION for a run that does not fit the options.
absl::StatusOr<std::vector<SimulationResult>> Simulate(
    client::Client& client, const SimulateOptions& options, std::FILE* out);

// The table of the results, headed by what is simulated.
std::string SimulationText(const std::vector<SimulationResult>& results);

}  // namespace vade::load

#endif  // VADE_CLIENT_LOAD_SIMULATE_H_
