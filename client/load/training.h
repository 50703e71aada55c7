// A stand-in for a trainer: samples a batch a step, has the crew of workers
// roll it out and report, and reads from the server what became of the groups.
// The load tool's simulation and its replay of a trace share it.
#ifndef VADE_CLIENT_LOAD_TRAINING_H_
#define VADE_CLIENT_LOAD_TRAINING_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/client.h"
#include "client/load/crew.h"
#include "client/load/simulated_learner.h"

namespace vade::load {

// One step as the server's books have it, after all its reports.
struct StepRecord {
  uint64_t step = 0;
  double clock = 0;
  // Groups complete with a reward, and those not zero-variance.
  uint64_t group_count = 0;
  uint64_t effective_group_count = 0;
  uint64_t reward_count = 0;
  double success_sum = 0;
  double expected_egr = 0;
  // Of the learner after the step.
  double skill = 0;
};

struct TrainingOptions {
  std::string run_id;
  // Starts the request_ids, so that two trainings of one run do not mix.
  std::string request_prefix = {};
  uint64_t steps = 0;
  uint32_t batch_size = 0;
  // Of the rollouts' outcomes.
  uint64_t seed = 0;
  double start_skill = 0;
};

// Steps summed up.
struct StepTotals {
  uint64_t group_count = 0;
  uint64_t effective_group_count = 0;
  uint64_t reward_count = 0;
  double success_sum = 0;
  double expected_egr_sum = 0;
  uint64_t step_count = 0;

  void Add(const StepRecord& record);
  // Share of groups that are not zero-variance, expected share, mean reward;
  // 0 without any.
  double EffectiveGradientRatio() const;
  double ExpectedEgr() const;
  double MeanPassRate() const;
};

// Sums of the records from the step `first` on.
StepTotals TotalsFrom(const std::vector<StepRecord>& records, uint64_t first);

// Trains; `on_step` sees each step's record. One record a step. Errors: those
// of the calls and of the crew. INTERNAL: a step's groups are not all complete
// though all its reports were answered.
absl::StatusOr<std::vector<StepRecord>> Train(
    client::Client& client, Crew& crew, const SimulatedLearner& learner,
    const TrainingOptions& options,
    absl::FunctionRef<void(const StepRecord&)> on_step);

}  // namespace vade::load

#endif  // VADE_CLIENT_LOAD_TRAINING_H_
