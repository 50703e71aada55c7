// Replays a trace of a real run (trace.h has the definition) through a running
// server under several policies and seeds, with worker processes that report
// single rollouts out of order, each group from several workers at once.
#ifndef VADE_CLIENT_LOAD_REPLAY_H_
#define VADE_CLIENT_LOAD_REPLAY_H_

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cpp/client.h"
#include "client/load/crew.h"
#include "client/load/trace.h"

namespace vade::load {

struct ReplayOptions {
  // crew.worker.trace_path is the trace.
  CrewOptions crew;
  std::vector<std::string> policies;
  // Seeds 1 to this.
  uint64_t seed_count = 5;
  uint64_t steps = kTraceSteps;
  // Runs are called {prefix}-{policy}-{seed}.
  std::string run_prefix = "replay";
  // Else a run is deleted once it is measured.
  bool keep_runs = false;
};

// One policy under one seed.
struct ReplayResult {
  std::string policy;
  uint64_t seed = 0;
  double egr = 0;
  // Over the last 5 epochs: 45 steps.
  double late_egr = 0;
  // Mean of |posterior mean - p_i| at the end, over all prompts and over those
  // dealt at least once.
  double error_all = 0;
  double error_dealt = 0;
  double ever_dealt_share = 0;
  uint64_t rollout_count = 0;
  double seconds = 0;
};

// Replays, policy by policy; progress goes to `progress_out`, and each result
// as a JSON line to `json_out`, null for none. Errors: those of the calls, the
// crew and the trace; ALREADY_EXISTS: a run of that name is there.
absl::StatusOr<std::vector<ReplayResult>> Replay(client::Client& client,
                                                 const ReplayOptions& options,
                                                 std::FILE* progress_out,
                                                 std::FILE* json_out);

// Mean and standard deviation over the seeds, a row a policy.
std::string ReplayText(const std::vector<ReplayResult>& results);

// The result as one JSON object.
std::string ReplayJson(const ReplayResult& result);

}  // namespace vade::load

#endif  // VADE_CLIENT_LOAD_REPLAY_H_
