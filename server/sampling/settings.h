// Settings of a run: defaults and rules. Plain functions; thread-safe.
#ifndef VADE_SERVER_SAMPLING_SETTINGS_H_
#define VADE_SERVER_SAMPLING_SETTINGS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/sampling/posterior.h"
#include "server/sampling/requests.h"
#include "storage/types.h"

namespace vade::sampling {

// What a caller said of a new run; what is unset takes its default.
struct SettingsSpec {
  std::string policy;  // empty: "vade"
  std::optional<uint64_t> seed;
  std::optional<storage::RewardRule> reward_rule;
  std::optional<double> selected_decay;
  std::optional<double> unselected_decay;
  std::optional<uint32_t> group_size;
  std::optional<uint32_t> reference_batch_size;
  std::optional<double> cooldown;
  std::optional<double> target_pass_rate;
  std::optional<absl::Duration> lease_ttl;
  std::optional<Evidence> starting_evidence;
  std::optional<uint64_t> retained_deals;
  std::optional<absl::Duration> retention_age;
};

// The settings of a new run. `fresh_seed` is taken if the caller gave none.
// INVALID_ARGUMENT (INVALID_FIELD) names the field as in the proto.
absl::StatusOr<storage::RunSettings> ResolveSettings(const SettingsSpec& spec,
                                                     uint64_t fresh_seed);

// The rules for every field, with proto field names.
absl::Status ValidateSettings(const storage::RunSettings& settings);

// `settings` with `change` applied. INVALID_ARGUMENT (INVALID_FIELD).
absl::StatusOr<storage::RunSettings> ApplyChange(storage::RunSettings settings,
                                                 const RunChange& change);

// What changes with every update of the run, and differs from every earlier run
// of the same id.
std::string EtagOf(const storage::RunRecord& record);

// 1 to 63 of [a-z0-9._-], the first [a-z0-9]. INVALID_ARGUMENT
// (INVALID_FIELD).
absl::Status ValidateRunId(const std::string& run_id);

// Evidence worth `weight` rollouts at `pass_rate`.
Evidence EvidenceOf(double pass_rate, double weight);

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_SETTINGS_H_
