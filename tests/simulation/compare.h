// What the engine said against what the model says. Each function returns a
// sentence on the first difference, empty if there is none. Evidence and what
// is worked out from it may differ by kTolerance, relative to its size or to 1;
// all else must be equal. Pure functions; thread-safe.
#ifndef VADE_TESTS_SIMULATION_COMPARE_H_
#define VADE_TESTS_SIMULATION_COMPARE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/sampling/requests.h"
#include "server/sampling/run.h"
#include "tests/simulation/model.h"
#include "tests/simulation/operation.h"

namespace vade::simulation {

inline constexpr double kTolerance = 1e-9;

// All that can be read of a run.
struct Snapshot {
  sampling::RunInfo info;
  sampling::RunStatsInfo stats;
  std::vector<sampling::PromptInfo> prompts;  // in order of import
  std::vector<sampling::BatchInfo> batches;   // newest first, with groups
  absl::Status invariants;
};

Snapshot TakeSnapshot(const sampling::Run& run);

std::string Difference(const Model& model, const Snapshot& snapshot);
std::string Difference(const Answer& expected, const Answer& actual);

std::string Difference(const sampling::PromptInfo& expected,
                       const sampling::PromptInfo& actual);
std::string Difference(const sampling::BatchInfo& expected,
                       const sampling::BatchInfo& actual);

}  // namespace vade::simulation

#endif  // VADE_TESTS_SIMULATION_COMPARE_H_
