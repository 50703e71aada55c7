// Flags for the settings of a run, and the Run message they make. Shared by
// `create run` and `update run`.
#ifndef VADE_CLIENT_CLI_RUN_SETTINGS_H_
#define VADE_CLIENT_CLI_RUN_SETTINGS_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "google/protobuf/field_mask.pb.h"
#include "vade/sampler/v1/run.pb.h"

namespace vade::cli {

// Thread-compatible.
class RunSettings {
 public:
  // Settings that are fixed at creation.
  void AddFixedFlags(CLI::App& app);
  // Settings that may change later.
  void AddChangeableFlags(CLI::App& app);

  // The flags that were given; all else is unset, and `mask` names the fields
  // that were given. A usage error if flags contradict each other.
  absl::StatusOr<sampler::v1::Run> ToRun(
      google::protobuf::FieldMask* mask) const;

 private:
  absl::Status SetRewardRule(sampler::v1::Run& run) const;

  std::string policy_;
  std::optional<uint64_t> seed_;
  std::optional<double> reward_min_;
  std::optional<double> reward_max_;
  std::optional<double> reward_threshold_;
  std::optional<double> selected_decay_;
  std::optional<double> unselected_decay_;

  std::optional<std::string> display_name_;
  std::optional<uint32_t> group_size_;
  std::optional<uint32_t> reference_batch_size_;
  std::optional<double> cooldown_;
  std::optional<double> target_pass_rate_;
  std::string lease_ttl_;
  std::optional<double> starting_pass_rate_;
  std::optional<double> starting_weight_;
  std::optional<uint64_t> retained_deals_;
  std::string retention_age_;
};

}  // namespace vade::cli

#endif  // VADE_CLIENT_CLI_RUN_SETTINGS_H_
