#include "client/cli/group_report.h"

#include <limits>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace vade::cli {
namespace {

using Json = nlohmann::ordered_json;

// As report.proto has them.
constexpr int kMaxGroups = 65536;
constexpr int kMaxRollouts = 1048576;

absl::Status FieldError(const std::string& field, const std::string& rule) {
  return absl::InvalidArgumentError(absl::StrCat("field '", field, "' ", rule));
}

absl::Status SetIndexes(const std::string& field, const Json& value,
                        google::protobuf::RepeatedField<uint32_t>& indexes) {
  if (!value.is_array()) return FieldError(field, "is not a list");
  for (const Json& index : value) {
    const bool fits =
        index.is_number_unsigned() &&
        index.get<uint64_t>() <= std::numeric_limits<uint32_t>::max();
    if (!fits) {
      return FieldError(field, absl::StrCat("holds ", index.dump(),
                                            ", not an index from 0 on"));
    }
    indexes.Add(index.get<uint32_t>());
  }
  return absl::OkStatus();
}

absl::Status SetRewards(const Json& value, sampler::v1::GroupReport& group) {
  if (!value.is_array()) return FieldError("rewards", "is not a list");
  for (const Json& reward : value) {
    if (reward.is_boolean()) {
      group.add_rewards(reward.get<bool>() ? 1 : 0);
    } else if (reward.is_number()) {
      group.add_rewards(reward.get<double>());
    } else {
      return FieldError(
          "rewards", absl::StrCat("holds ", reward.dump(), ", not a number"));
    }
  }
  return absl::OkStatus();
}

absl::Status SetField(const std::string& field, const Json& value,
                      sampler::v1::GroupReport& group) {
  if (field == "prompt_id") {
    if (!value.is_string()) return FieldError(field, "is not a text");
    group.set_prompt_id(value.get<std::string>());
    return absl::OkStatus();
  }
  if (field == "final") {
    if (!value.is_boolean()) return FieldError(field, "is not true or false");
    group.set_final(value.get<bool>());
    return absl::OkStatus();
  }
  if (field == "rewards") return SetRewards(value, group);
  if (field == "rollout_indexes") {
    return SetIndexes(field, value, *group.mutable_rollout_indexes());
  }
  if (field == "failed") {
    return SetIndexes(field, value, *group.mutable_failed_rollout_indexes());
  }
  return FieldError(field,
                    "is unknown; known are prompt_id, rewards, "
                    "rollout_indexes, failed, final");
}

}  // namespace

absl::StatusOr<sampler::v1::GroupReport> ParseGroupReport(
    const std::string& text) {
  const size_t equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is not PROMPT=REWARD,REWARD,..."));
  }
  sampler::v1::GroupReport group;
  group.set_prompt_id(text.substr(0, equals));
  uint32_t index = 0;
  for (absl::string_view word :
       absl::StrSplit(absl::string_view(text).substr(equals + 1), ',')) {
    double reward = 0;
    if (word == "x") {
      group.add_failed_rollout_indexes(index);
    } else if (absl::SimpleAtod(word, &reward)) {
      group.add_rewards(reward);
      group.add_rollout_indexes(index);
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("'", text, "': '", word,
                       "' is neither a reward nor x for a failed rollout"));
    }
    ++index;
  }
  return group;
}

absl::StatusOr<sampler::v1::GroupReport> ToGroupReport(const Row& row) {
  sampler::v1::GroupReport group;
  for (const auto& [field, value] : row.fields.items()) {
    absl::Status status = SetField(field, value, group);
    if (!status.ok()) return status;
  }
  if (group.prompt_id().empty()) return FieldError("prompt_id", "is missing");
  return group;
}

std::vector<sampler::v1::ReportRewardsRequest> SplitIntoRequests(
    const std::string& run, const std::string& batch_id,
    std::vector<sampler::v1::GroupReport> groups) {
  std::vector<sampler::v1::ReportRewardsRequest> requests;
  std::set<std::string> prompts;
  int rollouts = 0;
  for (sampler::v1::GroupReport& group : groups) {
    const int size = group.rewards_size() + group.failed_rollout_indexes_size();
    const bool full = static_cast<int>(prompts.size()) >= kMaxGroups ||
                      rollouts + size > kMaxRollouts;
    if (requests.empty() || full || prompts.count(group.prompt_id()) > 0) {
      requests.emplace_back();
      requests.back().set_run(run);
      requests.back().add_reports()->set_batch_id(batch_id);
      prompts.clear();
      rollouts = 0;
    }
    prompts.insert(group.prompt_id());
    rollouts += size;
    *requests.back().mutable_reports(0)->add_groups() = std::move(group);
  }
  return requests;
}

}  // namespace vade::cli
