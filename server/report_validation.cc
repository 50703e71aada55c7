// Requests about reports: the hot path, so paths become text on errors only.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/field_checks.h"
#include "server/sampling/error.h"
#include "server/sampling/limits.h"
#include "server/validation.h"

namespace vade::server {
namespace {

namespace api = sampler::v1;

absl::Status TooManyRollouts(const FieldPath& field, size_t value,
                             size_t limit) {
  const std::string rule = absl::StrCat("at most ", limit, " rollouts");
  return sampling::MakeError(
      absl::StatusCode::kInvalidArgument, "TOO_MANY_ROLLOUTS",
      absl::StrCat(field.ToString(), ": got ", value, " rollouts; ", rule),
      {{"field", field.ToString()},
       {"value", absl::StrCat(value)},
       {"rule", rule}});
}

absl::Status CheckFinite(const FieldPath& field, double reward) {
  if (std::isfinite(reward)) return absl::OkStatus();
  return sampling::MakeError(
      absl::StatusCode::kInvalidArgument, "REWARD_OUT_OF_RULE",
      absl::StrCat(field.ToString(), ": got ", reward, "; must be finite"),
      {{"field", field.ToString()},
       {"value", absl::StrCat(reward)},
       {"rule", "must be finite"}});
}

absl::Status CheckBits(const FieldPath& path,
                       const api::BinaryRewards& binary) {
  const std::string& bits = binary.bits();
  const uint64_t bytes = (uint64_t{binary.count()} + 7) / 8;
  const FieldPath bits_path(path, "bits");
  if (bits.size() != bytes) {
    return Refuse(
        bits_path, absl::StrCat(bits.size(), " bytes"),
        absl::StrCat("must be ", bytes, " bytes for count ", binary.count()));
  }
  const uint32_t used = binary.count() % 8;
  if (used != 0 && (static_cast<uint8_t>(bits.back()) >> used) != 0) {
    return Refuse(bits_path, "a spare bit that is 1", "spare bits must be 0");
  }
  return absl::OkStatus();
}

size_t RewardCount(const api::GroupReport& group) {
  return group.has_binary_rewards() ? group.binary_rewards().count()
                                    : group.rewards_size();
}

double RewardAt(const api::GroupReport& group, size_t i) {
  if (!group.has_binary_rewards()) return group.rewards(static_cast<int>(i));
  const auto byte = static_cast<uint8_t>(group.binary_rewards().bits()[i / 8]);
  return (byte >> (i % 8)) & 1;
}

// The rewards, and their number beside the other fields'.
absl::Status CheckShape(const FieldPath& path, const api::GroupReport& group) {
  if (group.has_binary_rewards() && group.rewards_size() > 0) {
    return Refuse({path, "binary_rewards"}, "both rewards and binary_rewards",
                  "must be one of them");
  }
  const size_t rewards = RewardCount(group);
  const size_t rollouts = rewards + group.failed_rollout_indexes_size();
  if (rollouts > sampling::kMaxGroupSize) {
    return TooManyRollouts(path, rollouts, sampling::kMaxGroupSize);
  }
  if (group.has_binary_rewards()) {
    absl::Status status =
        CheckBits({path, "binary_rewards"}, group.binary_rewards());
    if (!status.ok()) return status;
  }
  const size_t indexes = group.rollout_indexes_size();
  if (indexes != 0 && indexes != rewards) {
    return Refuse(
        {path, "rollout_indexes"}, absl::StrCat(indexes, " indexes"),
        absl::StrCat("must be as many as rewards, ", rewards, ", or none"));
  }
  return absl::OkStatus();
}

// No rollout index comes twice, with a reward or as failed.
absl::Status CheckDistinct(const FieldPath& path,
                           const sampling::GroupReport& group) {
  std::vector<uint32_t> indexes = group.failed;
  for (const sampling::RolloutReward& rollout : group.rewards) {
    indexes.push_back(rollout.rollout_index);
  }
  std::sort(indexes.begin(), indexes.end());
  const auto repeat = std::adjacent_find(indexes.begin(), indexes.end());
  if (repeat == indexes.end()) return absl::OkStatus();
  const bool failed = std::find(group.failed.begin(), group.failed.end(),
                                *repeat) != group.failed.end();
  return Refuse({path, failed ? "failed_rollout_indexes" : "rollout_indexes"},
                absl::StrCat(*repeat, " twice"),
                "a rollout comes once in a report");
}

// `parsed` is empty before.
absl::Status ParseGroup(const FieldPath& path, const api::GroupReport& group,
                        sampling::GroupReport& parsed) {
  absl::Status status = CheckPromptId({path, "prompt_id"}, group.prompt_id());
  if (status.ok()) status = CheckShape(path, group);
  if (!status.ok()) return status;
  parsed.prompt_id = group.prompt_id();
  parsed.final = group.final();
  const size_t rewards = RewardCount(group);
  const bool indexed = group.rollout_indexes_size() > 0;
  parsed.rewards.reserve(rewards);
  for (size_t i = 0; i < rewards; ++i) {
    const double reward = RewardAt(group, i);
    status = CheckFinite({path, "rewards", static_cast<int64_t>(i)}, reward);
    if (!status.ok()) return status;
    const uint32_t index = indexed ? group.rollout_indexes(static_cast<int>(i))
                                   : static_cast<uint32_t>(i);
    parsed.rewards.push_back({index, reward});
  }
  parsed.failed.assign(group.failed_rollout_indexes().begin(),
                       group.failed_rollout_indexes().end());
  if ((indexed || !parsed.failed.empty()) &&
      rewards + parsed.failed.size() > 1) {
    return CheckDistinct(path, parsed);
  }
  return absl::OkStatus();
}

absl::StatusOr<sampling::BatchReport> ParseBatchReport(
    const FieldPath& path, const api::BatchReport& report) {
  absl::Status status = CheckBatchId({path, "batch_id"}, report.batch_id());
  if (status.ok()) {
    status = CheckCount({path, "groups"}, report.groups_size(), 0,
                        sampling::kMaxBatchSize);
  }
  if (!status.ok()) return status;
  sampling::BatchReport parsed;
  parsed.batch_id = report.batch_id();
  parsed.groups.reserve(report.groups_size());
  const bool several = report.groups_size() > 1;
  absl::flat_hash_set<absl::string_view> prompts;
  if (several) prompts.reserve(report.groups_size());
  for (int i = 0; i < report.groups_size(); ++i) {
    const FieldPath group_path(path, "groups", i);
    const api::GroupReport& group = report.groups(i);
    status = ParseGroup(group_path, group, parsed.groups.emplace_back());
    if (!status.ok()) return status;
    if (several && !prompts.insert(group.prompt_id()).second) {
      return Refuse({group_path, "prompt_id"}, Quoted(group.prompt_id()),
                    "a prompt comes once in a batch's report");
    }
  }
  return parsed;
}

size_t RolloutCount(const api::BatchReport& report) {
  size_t rollouts = 0;
  for (const api::GroupReport& group : report.groups()) {
    rollouts += RewardCount(group) + group.failed_rollout_indexes_size();
  }
  return rollouts;
}

}  // namespace

absl::StatusOr<ReportRewardsCall> ParseReportRewards(
    const api::ReportRewardsRequest& request) {
  absl::StatusOr<std::string> run_id = ParseRunName("run", request.run());
  if (!run_id.ok()) return run_id.status();
  absl::Status status = CheckCount("reports", request.reports_size(), 0,
                                   sampling::kMaxBatchesPerReport);
  if (!status.ok()) return status;
  size_t rollouts = 0;
  for (const api::BatchReport& report : request.reports()) {
    rollouts += RolloutCount(report);
  }
  if (rollouts > sampling::kMaxRolloutsPerReport) {
    return TooManyRollouts("reports", rollouts,
                           sampling::kMaxRolloutsPerReport);
  }
  ReportRewardsCall call;
  call.run_id = *std::move(run_id);
  call.reports.reserve(request.reports_size());
  const bool several = request.reports_size() > 1;
  absl::flat_hash_set<absl::string_view> batches;
  for (int i = 0; i < request.reports_size(); ++i) {
    const FieldPath path("reports", i);
    absl::StatusOr<sampling::BatchReport> report =
        ParseBatchReport(path, request.reports(i));
    if (!report.ok()) return report.status();
    if (several && !batches.insert(request.reports(i).batch_id()).second) {
      return Refuse({path, "batch_id"}, Quoted(report->batch_id),
                    "a batch comes once in a request");
    }
    call.reports.push_back(*std::move(report));
  }
  return call;
}

}  // namespace vade::server
