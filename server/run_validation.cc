// Requests about runs and their statistics.
#include <cmath>
#include <iterator>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "server/field_checks.h"
#include "server/page_token.h"
#include "server/sampling/error.h"
#include "server/sampling/limits.h"
#include "server/validation.h"

namespace vade::server {
namespace {

namespace api = sampler::v1;
using sampling::RunChange;

// Checks every setting of `run` that has its own form; ranges that the engine
// knows are left to it.
absl::Status CheckForms(const api::Run& run) {
  const FieldPath root("run");
  absl::Status status = CheckText({root, "display_name"}, run.display_name(),
                                  sampling::kMaxDisplayNameBytes);
  if (status.ok()) status = CheckText({root, "policy"}, run.policy(), 64);
  if (status.ok() && run.group_size() != 0) {
    status = CheckCount({root, "group_size"}, run.group_size(), 1,
                        sampling::kMaxGroupSize);
  }
  if (status.ok() && run.retained_deals() != 0) {
    status = CheckCount({root, "retained_deals"}, run.retained_deals(), 1,
                        sampling::kMaxRetainedDeals);
  }
  return status;
}

absl::StatusOr<std::optional<storage::RewardRule>> ParseRewardRule(
    const api::Run& run) {
  const FieldPath root("run");
  const FieldPath path(root, "reward_rule");
  const double limit = sampling::kMaxRewardMagnitude;
  storage::RewardRule rule;
  absl::Status status;
  switch (run.reward_rule().rule_case()) {
    case api::RewardRule::kRange: {
      const auto& range = run.reward_rule().range();
      const FieldPath range_path(path, "range");
      status = CheckRange({range_path, "min"}, range.min(), -limit, limit);
      if (status.ok()) {
        status = CheckRange({range_path, "max"}, range.max(), -limit, limit);
      }
      if (status.ok() && range.min() >= range.max()) {
        status = Refuse({range_path, "max"}, absl::StrCat(range.max()),
                        absl::StrCat("must be above min, ", range.min()));
      }
      rule.min = range.min();
      rule.max = range.max();
      break;
    }
    case api::RewardRule::kThreshold: {
      const FieldPath threshold_path(path, "threshold");
      rule.threshold = run.reward_rule().threshold().threshold();
      status = CheckRange({threshold_path, "threshold"}, rule.threshold, -limit,
                          limit);
      rule.kind = storage::RewardRuleKind::kThreshold;
      rule.min = -limit;
      rule.max = limit;
      break;
    }
    case api::RewardRule::RULE_NOT_SET:
      return std::nullopt;
  }
  if (!status.ok()) return status;
  return rule;
}

absl::StatusOr<absl::Duration> ParseLeaseTtl(const api::Run& run) {
  if (!run.has_lease_ttl()) return sampling::kDefaultLeaseTtl;
  const FieldPath root("run");
  return ParseDuration({root, "lease_ttl"}, run.lease_ttl(),
                       sampling::kMinLeaseTtl, sampling::kMaxLeaseTtl);
}

absl::StatusOr<absl::Duration> ParseRetentionAge(const api::Run& run) {
  if (!run.has_retention_age()) return sampling::kDefaultRetentionAge;
  const FieldPath root("run");
  return ParseDuration({root, "retention_age"}, run.retention_age(),
                       sampling::kMinRetentionAge, sampling::kMaxRetentionAge);
}

absl::StatusOr<sampling::Evidence> ParseStarting(const api::Run& run) {
  if (!run.has_starting_evidence()) return sampling::Evidence();
  const FieldPath root("run");
  return ParseStartingEvidence({root, "starting_evidence"},
                               run.starting_evidence());
}

absl::StatusOr<sampling::SettingsSpec> ParseSettings(const api::Run& run) {
  if (absl::Status status = CheckForms(run); !status.ok()) return status;
  sampling::SettingsSpec spec;
  spec.policy = run.policy();
  if (run.has_seed()) spec.seed = run.seed();
  if (run.has_selected_decay()) spec.selected_decay = run.selected_decay();
  if (run.has_unselected_decay()) {
    spec.unselected_decay = run.unselected_decay();
  }
  if (run.group_size() != 0) spec.group_size = run.group_size();
  if (run.has_reference_batch_size()) {
    spec.reference_batch_size = run.reference_batch_size();
  }
  if (run.has_cooldown()) spec.cooldown = run.cooldown();
  if (run.has_target_pass_rate()) {
    spec.target_pass_rate = run.target_pass_rate();
  }
  if (run.retained_deals() != 0) spec.retained_deals = run.retained_deals();

  absl::StatusOr<std::optional<storage::RewardRule>> rule =
      ParseRewardRule(run);
  if (!rule.ok()) return rule.status();
  spec.reward_rule = *rule;
  absl::StatusOr<absl::Duration> lease_ttl = ParseLeaseTtl(run);
  if (!lease_ttl.ok()) return lease_ttl.status();
  spec.lease_ttl = *lease_ttl;
  absl::StatusOr<absl::Duration> retention_age = ParseRetentionAge(run);
  if (!retention_age.ok()) return retention_age.status();
  spec.retention_age = *retention_age;
  absl::StatusOr<sampling::Evidence> starting = ParseStarting(run);
  if (!starting.ok()) return starting.status();
  spec.starting_evidence = *starting;
  return spec;
}

// Fields of Run that a mask may name: each takes its value, or its default if
// the run leaves it unset, into the change.
struct UpdatableField {
  const char* name;
  absl::Status (*take)(const api::Run& run, RunChange& change);
};

// What the fields that are parsed have in common.
template <typename T>
absl::Status TakeParsed(absl::StatusOr<T> parsed, std::optional<T>& field) {
  if (!parsed.ok()) return parsed.status();
  field = *parsed;
  return absl::OkStatus();
}

constexpr UpdatableField kUpdatable[] = {
    {"display_name",
     [](const api::Run& run, RunChange& change) {
       change.display_name = run.display_name();
       return absl::OkStatus();
     }},
    {"group_size",
     [](const api::Run& run, RunChange& change) {
       change.group_size = run.group_size() != 0 ? run.group_size()
                                                 : sampling::kDefaultGroupSize;
       return absl::OkStatus();
     }},
    {"reference_batch_size",
     [](const api::Run& run, RunChange& change) {
       change.reference_batch_size = run.reference_batch_size();
       return absl::OkStatus();
     }},
    {"cooldown",
     [](const api::Run& run, RunChange& change) {
       change.cooldown = run.cooldown();
       return absl::OkStatus();
     }},
    {"target_pass_rate",
     [](const api::Run& run, RunChange& change) {
       change.target_pass_rate =
           run.has_target_pass_rate() ? run.target_pass_rate() : 0.5;
       return absl::OkStatus();
     }},
    {"lease_ttl",
     [](const api::Run& run, RunChange& change) {
       return TakeParsed(ParseLeaseTtl(run), change.lease_ttl);
     }},
    {"starting_evidence",
     [](const api::Run& run, RunChange& change) {
       return TakeParsed(ParseStarting(run), change.starting_evidence);
     }},
    {"retained_deals",
     [](const api::Run& run, RunChange& change) {
       change.retained_deals = run.retained_deals() != 0
                                   ? run.retained_deals()
                                   : sampling::kDefaultRetainedDeals;
       return absl::OkStatus();
     }},
    {"retention_age",
     [](const api::Run& run, RunChange& change) {
       return TakeParsed(ParseRetentionAge(run), change.retention_age);
     }},
};

// Fixed at creation.
constexpr absl::string_view kImmutable[] = {
    "name",        "policy",         "seed",
    "reward_rule", "selected_decay", "unselected_decay",
};

absl::Status TakeField(const std::string& path, const api::Run& run,
                       RunChange& change) {
  const auto* const field = absl::c_find_if(
      kUpdatable, [&path](const UpdatableField& f) { return path == f.name; });
  if (field != std::end(kUpdatable)) return field->take(run, change);
  const std::string top = path.substr(0, path.find('.'));
  if (absl::c_linear_search(kImmutable, top)) {
    return sampling::MakeError(absl::StatusCode::kInvalidArgument,
                               "FIELD_IMMUTABLE",
                               absl::StrCat("update_mask: ", top,
                                            " is fixed when a run is created; "
                                            "create another run to change it"),
                               {{"field", top}});
  }
  return Refuse("update_mask", Quoted(path),
                "must name fields of Run that may be changed");
}

}  // namespace

absl::StatusOr<CreateRunCall> ParseCreateRun(
    const api::CreateRunRequest& request) {
  CreateRunCall call;
  call.run_id = request.run_id();
  absl::Status status = sampling::ValidateRunId(call.run_id);
  if (!status.ok())
    return Refuse("run_id", Quoted(call.run_id),
                  "must be 1 to 63 of [a-z0-9._-], the first "
                  "of them [a-z0-9]");
  absl::StatusOr<sampling::SettingsSpec> settings =
      ParseSettings(request.run());
  if (!settings.ok()) return settings.status();
  call.settings = *std::move(settings);
  call.display_name = request.run().display_name();
  return call;
}

absl::StatusOr<std::string> ParseGetRun(const api::GetRunRequest& request) {
  return ParseRunName("name", request.name());
}

absl::StatusOr<ListRunsCall> ParseListRuns(
    const api::ListRunsRequest& request) {
  absl::StatusOr<size_t> page_size = ParsePageSize(request.page_size());
  if (!page_size.ok()) return page_size.status();
  ListRunsCall call;
  call.page_size = *page_size;
  if (request.page_token().empty()) return call;
  absl::StatusOr<std::string> after =
      OpenPageToken(kRunList, request.page_token());
  if (!after.ok()) return after.status();
  call.after = *std::move(after);
  return call;
}

absl::StatusOr<UpdateRunCall> ParseUpdateRun(
    const api::UpdateRunRequest& request) {
  const api::Run& run = request.run();
  const FieldPath root("run");
  absl::StatusOr<std::string> run_id = ParseRunName({root, "name"}, run.name());
  if (!run_id.ok()) return run_id.status();
  if (request.update_mask().paths().empty()) {
    return Refuse("update_mask", "no field", "must name what to change");
  }
  if (absl::Status status = CheckForms(run); !status.ok()) return status;
  UpdateRunCall call;
  call.run_id = *std::move(run_id);
  call.change.etag = run.etag();
  for (const std::string& path : request.update_mask().paths()) {
    absl::Status status = TakeField(path, run, call.change);
    if (!status.ok()) return status;
  }
  return call;
}

absl::StatusOr<DeleteRunCall> ParseDeleteRun(
    const api::DeleteRunRequest& request) {
  absl::StatusOr<std::string> run_id = ParseRunName("name", request.name());
  if (!run_id.ok()) return run_id.status();
  return DeleteRunCall{*std::move(run_id), request.etag(),
                       request.allow_missing()};
}

absl::StatusOr<std::string> ParseGetRunStats(
    const api::GetRunStatsRequest& request) {
  return ParseRunName("run", request.run());
}

absl::StatusOr<WatchRunCall> ParseWatchRun(
    const api::WatchRunRequest& request) {
  absl::StatusOr<std::string> run_id = ParseRunName("run", request.run());
  if (!run_id.ok()) return run_id.status();
  WatchRunCall call{*std::move(run_id), sampling::kDefaultWatchInterval};
  if (!request.has_interval()) return call;
  absl::StatusOr<absl::Duration> interval =
      ParseDuration("interval", request.interval(), sampling::kMinWatchInterval,
                    sampling::kMaxWatchInterval);
  if (!interval.ok()) return interval.status();
  call.interval = *interval;
  return call;
}

}  // namespace vade::server
