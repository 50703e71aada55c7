// A trace of a real run: how many rollouts of each prompt succeeded at each
// visit, and what the prompt's rollouts "would have earned by then".
//
// The replay, exactly: pass rate p_i(e) at epoch e = 0..43 is the centred
// moving average over 5 visits of n_correct / n_rollouts over the first 44
// visits, the ends padded with the end value. An epoch is 9 steps of batch 128;
// a prompt selected at step t gets 8 rollouts, each a success with probability
// p_i(t div 9). The trace does not react to the selection, so a replay measures
// selection and estimation, never learning.
//
// Immutable after reading; thread-safe.
#ifndef VADE_CLIENT_LOAD_TRACE_H_
#define VADE_CLIENT_LOAD_TRACE_H_

#include <array>
#include <cstdint>
#include <istream>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/load/rollout_source.h"

namespace vade::load {

constexpr uint32_t kTraceEpochs = 44;
constexpr uint32_t kTraceStepsPerEpoch = 9;
constexpr uint32_t kTraceSteps = kTraceEpochs * kTraceStepsPerEpoch;
constexpr uint32_t kTraceBatchSize = 128;
constexpr uint32_t kTraceGroupSize = 8;

using EpochPassRates = std::array<double, kTraceEpochs>;

// The centred moving average over 5 of `observed`, ends padded.
EpochPassRates SmoothPassRates(const EpochPassRates& observed);

class Trace : public RolloutSource {
 public:
  // Reads CSV `prompt_id,visit,n_rollouts,n_correct`, a header first. `name`
  // stands in errors. INVALID_ARGUMENT with name and line: a wrong header,
  // not four fields, not a number, n_correct over n_rollouts, a visit given
  // twice; with the prompt: fewer than 44 visits.
  static absl::StatusOr<Trace> Read(std::istream& input,
                                    const std::string& name);
  // NOT_FOUND: the file cannot be opened.
  static absl::StatusOr<Trace> ReadFile(const std::string& path);

  // In the order of the trace.
  const std::vector<std::string>& prompt_ids() const { return prompt_ids_; }

  // p_i(epoch), epoch < 44. NOT_FOUND: not a prompt of the trace.
  absl::StatusOr<double> PassRateAt(const std::string& prompt_id,
                                    uint32_t epoch) const;

  // p_i(step div 9); steps after the last count as the last.
  absl::StatusOr<double> PassRate(const std::string& prompt_id,
                                  const RolloutStep& step) const override;

 private:
  std::vector<std::string> prompt_ids_;
  std::map<std::string, EpochPassRates> pass_rates_;
};

}  // namespace vade::load

#endif  // VADE_CLIENT_LOAD_TRACE_H_
