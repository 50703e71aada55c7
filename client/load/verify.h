// Exactly once, checked from outside: the workers' own logs against what the
// server counted. Every answered rollout must be counted once; one that was
// sent and never answered may be counted or not; nothing else may be.
//
// The check needs rewards in [0, 1] under the default reward rule, where the
// success of a rollout is its reward, and batches the run still remembers.
#ifndef VADE_CLIENT_LOAD_VERIFY_H_
#define VADE_CLIENT_LOAD_VERIFY_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cpp/client.h"
#include "client/load/report_log.h"

namespace vade::load {

// What the server counted, by batch and prompt.
struct CountedGroup {
  uint64_t reward_count = 0;
  uint64_t failed_count = 0;
  double success_sum = 0;
};

// Of a prompt, over all batches.
struct CountedPrompt {
  uint64_t reward_count = 0;
  double success_sum = 0;
};

// A run's books. Thread-compatible.
struct CountedRun {
  std::map<std::string, std::map<std::string, CountedGroup>> batches;
  std::map<std::string, CountedPrompt> prompts;
  // Of the run's statistics.
  uint64_t reward_count = 0;
  uint64_t failed_count = 0;
  double mean_pass_rate = 0;
};

struct Verdict {
  uint64_t batch_count = 0;
  uint64_t group_count = 0;
  // Distinct (batch, prompt, rollout index), by whether an answer came.
  uint64_t answered_rollout_count = 0;
  uint64_t unanswered_rollout_count = 0;
  // Counted by the server.
  uint64_t counted_rollout_count = 0;
  uint64_t difference_count = 0;
  // The first kMaxNamedDifferences of them, for people.
  std::vector<std::string> differences;
};

constexpr uint64_t kMaxNamedDifferences = 20;

// Pure function.
Verdict CompareBooks(const ReportLog& log, const CountedRun& counted);

// Reads the run's books through the API. The run must be at rest.
absl::StatusOr<CountedRun> ReadCountedRun(client::Client& client,
                                          const std::string& run);

// Several lines for people; the last one says what the verdict is.
std::string VerdictText(const Verdict& verdict, const ReportLog& log);

}  // namespace vade::load

#endif  // VADE_CLIENT_LOAD_VERIFY_H_
