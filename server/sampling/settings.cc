#include "server/sampling/settings.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/sampling/error.h"
#include "server/sampling/limits.h"
#include "server/sampling/policy.h"
#include "server/sampling/reward_rule.h"

namespace vade::sampling {
namespace {

absl::Status CheckRange(absl::string_view field, double value, double min,
                        double max) {
  // Written so that NaN is refused.
  if (value >= min && value <= max) return absl::OkStatus();
  return InvalidField(field, absl::StrCat(value),
                      absl::StrCat("must be in [", min, ", ", max, "]"));
}

absl::Status CheckDuration(absl::string_view field, int64_t value_us,
                           absl::Duration min, absl::Duration max) {
  const absl::Duration value = absl::Microseconds(value_us);
  if (value >= min && value <= max) return absl::OkStatus();
  return InvalidField(field, absl::FormatDuration(value),
                      absl::StrCat("must be in [", absl::FormatDuration(min),
                                   ", ", absl::FormatDuration(max), "]"));
}

absl::Status CheckDecays(const storage::RunSettings& s) {
  if (absl::Status c = CheckRange("selected_decay", s.selected_decay, 0, 1);
      !c.ok()) {
    return c;
  }
  if (s.unselected_decay > 0 && s.unselected_decay <= 1) {
    return absl::OkStatus();
  }
  return InvalidField("unselected_decay", absl::StrCat(s.unselected_decay),
                      "must be in (0, 1]");
}

absl::Status CheckEvidence(const storage::RunSettings& s) {
  const double weight = s.starting_alpha + s.starting_beta;
  if (s.starting_alpha >= 0 && s.starting_beta >= 0 &&
      weight <= kMaxEvidenceWeight * (1 + 1e-9)) {
    return absl::OkStatus();
  }
  return InvalidField("starting_evidence",
                      absl::StrCat(s.starting_alpha, "+", s.starting_beta),
                      absl::StrCat("pass_rate must be in [0, 1], weight in "
                                   "[0, ",
                                   kMaxEvidenceWeight, "]"));
}

}  // namespace

std::string EtagOf(const storage::RunRecord& record) {
  return absl::StrCat(record.epoch, "-", record.revision);
}

Evidence EvidenceOf(double pass_rate, double weight) {
  return {pass_rate * weight, (1 - pass_rate) * weight};
}

absl::Status ValidateRunId(const std::string& run_id) {
  const auto is_allowed = [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '.' ||
           c == '_' || c == '-';
  };
  if (!run_id.empty() && run_id.size() <= kMaxRunIdBytes &&
      (absl::ascii_islower(run_id[0]) || absl::ascii_isdigit(run_id[0])) &&
      std::all_of(run_id.begin(), run_id.end(), is_allowed)) {
    return absl::OkStatus();
  }
  return InvalidField("run_id", absl::StrCat("'", run_id, "'"),
                      "must be 1 to 63 of [a-z0-9._-], the first of [a-z0-9]");
}

absl::Status ValidateSettings(const storage::RunSettings& s) {
  absl::StatusOr<Policy> policy = FindPolicy(s.policy);
  if (!policy.ok()) {
    return InvalidField("policy", absl::StrCat("'", s.policy, "'"),
                        policy.status().message());
  }
  const absl::Status checks[] = {
      CheckRange("group_size", s.group_size, 1, kMaxGroupSize),
      CheckDecays(s),
      CheckRange("target_pass_rate", s.target_pass_rate, 0, 1),
      CheckRange("cooldown", s.cooldown, 0, kMaxCooldown),
      CheckRange("reference_batch_size", s.reference_batch_size, 0,
                 kMaxBatchSize),
      ValidateRule(s.reward_rule),
      CheckEvidence(s),
      CheckDuration("lease_ttl", s.lease_ttl_us, kMinLeaseTtl, kMaxLeaseTtl),
      CheckRange("retained_deals", static_cast<double>(s.retained_deals), 1,
                 static_cast<double>(kMaxRetainedDeals)),
      CheckDuration("retention_age", s.retention_age_us, kMinRetentionAge,
                    kMaxRetentionAge),
  };
  for (const absl::Status& check : checks) {
    if (!check.ok()) return check;
  }
  return absl::OkStatus();
}

absl::StatusOr<storage::RunSettings> ResolveSettings(const SettingsSpec& spec,
                                                     uint64_t fresh_seed) {
  storage::RunSettings s;
  if (!spec.policy.empty()) s.policy = spec.policy;
  if (absl::StatusOr<Policy> policy = FindPolicy(s.policy); policy.ok()) {
    s.selected_decay =
        spec.selected_decay.value_or(policy->default_selected_decay);
    s.unselected_decay =
        spec.unselected_decay.value_or(policy->default_unselected_decay);
    s.target_pass_rate =
        spec.target_pass_rate.value_or(policy->default_target_pass_rate);
  }
  s.seed = spec.seed.value_or(fresh_seed);
  s.group_size = spec.group_size.value_or(kDefaultGroupSize);
  s.reference_batch_size = spec.reference_batch_size.value_or(0);
  s.cooldown = spec.cooldown.value_or(0);
  s.reward_rule = spec.reward_rule.value_or(storage::RewardRule());
  if (s.reward_rule.kind == storage::RewardRuleKind::kThreshold) {
    s.reward_rule.min = -kMaxRewardMagnitude;
    s.reward_rule.max = kMaxRewardMagnitude;
  }
  const Evidence starting = spec.starting_evidence.value_or(Evidence());
  s.starting_alpha = starting.alpha;
  s.starting_beta = starting.beta;
  s.lease_ttl_us =
      absl::ToInt64Microseconds(spec.lease_ttl.value_or(kDefaultLeaseTtl));
  s.retained_deals = spec.retained_deals.value_or(kDefaultRetainedDeals);
  s.retention_age_us = absl::ToInt64Microseconds(
      spec.retention_age.value_or(kDefaultRetentionAge));
  if (absl::Status status = ValidateSettings(s); !status.ok()) return status;
  return s;
}

absl::StatusOr<storage::RunSettings> ApplyChange(storage::RunSettings settings,
                                                 const RunChange& change) {
  if (change.group_size) settings.group_size = *change.group_size;
  if (change.reference_batch_size) {
    settings.reference_batch_size = *change.reference_batch_size;
  }
  if (change.cooldown) settings.cooldown = *change.cooldown;
  if (change.target_pass_rate) {
    settings.target_pass_rate = *change.target_pass_rate;
  }
  if (change.lease_ttl) {
    settings.lease_ttl_us = absl::ToInt64Microseconds(*change.lease_ttl);
  }
  if (change.starting_evidence) {
    settings.starting_alpha = change.starting_evidence->alpha;
    settings.starting_beta = change.starting_evidence->beta;
  }
  if (change.retained_deals) settings.retained_deals = *change.retained_deals;
  if (change.retention_age) {
    settings.retention_age_us =
        absl::ToInt64Microseconds(*change.retention_age);
  }
  if (absl::Status status = ValidateSettings(settings); !status.ok()) {
    return status;
  }
  return settings;
}

}  // namespace vade::sampling
