// RunFixture: one Run on a store in memory, without queue or threads, with
// short ways to say what most tests say. Thread-compatible.
#ifndef VADE_TESTS_ENGINE_RUN_FIXTURE_H_
#define VADE_TESTS_ENGINE_RUN_FIXTURE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/sampling/limits.h"
#include "server/sampling/run.h"
#include "server/sampling/settings.h"
#include "tests/simulation/map_store.h"

namespace vade::sampling {

inline constexpr uint64_t kTestEpoch = 5;

class RunFixture {
 public:
  // Lets `seed` be 1 unless `spec` says otherwise; the settings must be valid.
  explicit RunFixture(SettingsSpec spec = {}, RunLimits limits = {});

  Run& run() { return *run_; }
  Run* operator->() { return run_.get(); }
  simulation::MapStore& store() { return store_; }
  absl::Time now() const { return now_; }

  void Advance(absl::Duration step) { now_ += step; }
  // Moves the time and lets the run tick.
  void Pass(absl::Duration step);
  // Writes what changed, as the queue does.
  void Commit();
  // Commits and loads the run again. The error of the load, if any; then the
  // run is as it was.
  absl::Status Reload();

  // Prompts "p<first>" to "p<first + count - 1>", without labels.
  void Import(int count, int first = 0);
  void ImportOne(const PromptSpec& spec);
  // `size` prompts, no fewer. Fails the test on an error.
  SampleResult Sample(uint32_t size, const std::string& request_id = "");
  // `rewards` as rollouts 0, 1, ... of `prompt_id`. Fails the test on an
  // error.
  ReportResult Report(const std::string& batch_id, const std::string& prompt_id,
                      const std::vector<double>& rewards, bool final = false);
  ReportResult ReportFailed(const std::string& batch_id,
                            const std::string& prompt_id,
                            const std::vector<uint32_t>& failed,
                            bool final = false);
  // Reports every group of `batch` whole: as many ones as `successes`.
  void ReportBatch(const SampleResult& batch, uint32_t successes);

  // These fail the test if there is no such prompt or batch.
  PromptInfo Prompt(const std::string& id);
  BatchInfo Batch(const std::string& id);
  storage::RunProgress Totals() { return run_->Stats().totals; }

 private:
  const RunLimits limits_;
  simulation::MapStore store_;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  std::unique_ptr<Run> run_;
};

// A request for exactly `size` prompts.
SampleRequest RequestOf(uint32_t size, const std::string& request_id = "");
// One group of one batch.
std::vector<BatchReport> OneGroup(const std::string& batch_id,
                                  const GroupReport& group);
// `rewards` as rollouts first, first + 1, ...
absl::InlinedVector<RolloutReward, kDefaultGroupSize> Rollouts(
    const std::vector<double>& rewards, uint32_t first = 0);
// The reason, or the status in words if it has none; empty if OK.
std::string ReasonOf(const absl::Status& status);
template <typename T>
std::string ReasonOf(const absl::StatusOr<T>& result) {
  return ReasonOf(result.status());
}
// The value of a metadata key; "(none)" if it is not there.
std::string MetadataOf(const absl::Status& status, const std::string& key);

}  // namespace vade::sampling

#endif  // VADE_TESTS_ENGINE_RUN_FIXTURE_H_
