#include "tests/simulation/operation.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace vade::simulation {
namespace {

std::string DescribeFilter(const sampling::LabelFilter& filter) {
  return absl::StrJoin(
      filter, " ", [](std::string* out, const sampling::LabelTerm& term) {
        absl::StrAppend(out, term.key, "=", absl::StrJoin(term.values, "|"));
      });
}

struct Describer {
  std::string operator()(const UpdateRun&) const { return "update run"; }
  std::string operator()(const Import& op) const {
    return absl::StrCat(
        "import [",
        absl::StrJoin(op.request.prompts, " ",
                      [](std::string* out, const sampling::PromptSpec& spec) {
                        absl::StrAppend(out, spec.id);
                      }),
        "] existing=", static_cast<int>(op.request.existing));
  }
  std::string operator()(const UpdatePrompt& op) const {
    return absl::StrCat(
        "update prompt ", op.change.id, op.change.enabled ? " enabled" : "",
        op.change.labels ? " labels" : "", op.change.payload ? " payload" : "",
        op.change.evidence ? " evidence" : "");
  }
  std::string operator()(const DeletePrompt& op) const {
    return absl::StrCat("delete prompt ", op.prompt_id);
  }
  std::string operator()(const Sample& op) const {
    return absl::StrCat(
        "sample ", op.request.batch_size, " min ", op.request.min_batch_size,
        " id '", op.request.request_id, "' shard ", op.request.shard.index, "/",
        op.request.shard.count, " filter ", DescribeFilter(op.request.filter));
  }
  std::string operator()(const Renew& op) const {
    return absl::StrCat("renew ", op.batch_id);
  }
  std::string operator()(const Release& op) const {
    return absl::StrCat("release ", op.batch_id, " [",
                        absl::StrJoin(op.prompt_ids, " "), "]");
  }
  std::string operator()(const Report& op) const {
    std::string text = "report";
    for (const sampling::BatchReport& batch : op.reports) {
      absl::StrAppend(&text, " ", batch.batch_id, "{");
      for (const sampling::GroupReport& group : batch.groups) {
        absl::StrAppend(&text, group.prompt_id, ":");
        for (const sampling::RolloutReward& rollout : group.rewards) {
          absl::StrAppend(&text, " ", rollout.rollout_index, "=",
                          rollout.reward);
        }
        for (const uint32_t index : group.failed) {
          absl::StrAppend(&text, " ", index, "=failed");
        }
        absl::StrAppend(&text, group.final ? " final;" : ";");
      }
      absl::StrAppend(&text, "}");
    }
    return text;
  }
  std::string operator()(const Tick&) const { return "tick"; }
};

}  // namespace

std::string Describe(const Operation& operation) {
  constexpr size_t kMaxBytes = 300;
  return std::visit(Describer(), operation).substr(0, kMaxBytes);
}

}  // namespace vade::simulation
