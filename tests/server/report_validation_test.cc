// Each refusal of a report, and what a good one becomes.
#include <cmath>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/sampling/error.h"
#include "server/sampling/limits.h"
#include "server/validation.h"
#include "tests/catch.h"
#include "tests/server/refusal.h"

namespace vade::server {
namespace {

namespace api = sampler::v1;

// One group of prompt "p" in batch "1-1" of run "r".
api::ReportRewardsRequest Report() {
  api::ReportRewardsRequest request;
  request.set_run("runs/r");
  request.add_reports()->set_batch_id("1-1");
  request.mutable_reports(0)->add_groups()->set_prompt_id("p");
  return request;
}

api::GroupReport& Group(api::ReportRewardsRequest& request) {
  return *request.mutable_reports(0)->mutable_groups(0);
}

std::string Refused(const api::ReportRewardsRequest& request) {
  return RefusedField(ParseReportRewards(request).status());
}

TEST_CASE("a report's rewards take their indexes in order by default",
          "[unit]") {
  api::ReportRewardsRequest request = Report();
  Group(request).add_rewards(1);
  Group(request).add_rewards(0.25);
  const auto call = ParseReportRewards(request);
  REQUIRE(call.ok());
  CHECK(call->run_id == "r");
  REQUIRE(call->reports.size() == 1);
  CHECK(call->reports[0].batch_id == "1-1");
  const sampling::GroupReport& group = call->reports[0].groups[0];
  CHECK(group.prompt_id == "p");
  REQUIRE(group.rewards.size() == 2);
  CHECK(group.rewards[1].rollout_index == 1);
  CHECK(group.rewards[1].reward == 0.25);
  CHECK_FALSE(group.final);
}

TEST_CASE("a report keeps given indexes, failures and final", "[unit]") {
  api::ReportRewardsRequest request = Report();
  Group(request).add_rewards(0.5);
  Group(request).add_rollout_indexes(6);
  Group(request).add_failed_rollout_indexes(2);
  Group(request).set_final(true);
  const auto call = ParseReportRewards(request);
  REQUIRE(call.ok());
  const sampling::GroupReport& group = call->reports[0].groups[0];
  CHECK(group.rewards[0].rollout_index == 6);
  CHECK(group.failed == std::vector<uint32_t>{2});
  CHECK(group.final);
}

TEST_CASE("binary rewards become rewards of 1 and 0, lowest bit first",
          "[unit]") {
  api::ReportRewardsRequest request = Report();
  Group(request).mutable_binary_rewards()->set_count(10);
  Group(request).mutable_binary_rewards()->set_bits(std::string("\x05\x02"));
  const auto call = ParseReportRewards(request);
  REQUIRE(call.ok());
  const auto& rewards = call->reports[0].groups[0].rewards;
  REQUIRE(rewards.size() == 10);
  for (uint32_t i = 0; i < 10; ++i) {
    CHECK(rewards[i].rollout_index == i);
    CHECK(rewards[i].reward == (i == 0 || i == 2 || i == 9 ? 1 : 0));
  }
}

TEST_CASE("binary rewards of the wrong length or with spare bits are refused",
          "[unit]") {
  api::ReportRewardsRequest request = Report();
  api::BinaryRewards& binary = *Group(request).mutable_binary_rewards();
  const std::string bits = "reports[0].groups[0].binary_rewards.bits";
  binary.set_count(8);
  CHECK(Refused(request) == bits);
  binary.set_bits("ab");
  CHECK(Refused(request) == bits);
  binary.set_count(4);
  binary.set_bits("\x1f");
  CHECK(Refused(request) == bits);
  binary.set_bits("\x0f");
  CHECK(Refused(request) == "");
  Group(request).add_rewards(1);
  CHECK(Refused(request) == "reports[0].groups[0].binary_rewards");
}

TEST_CASE("an index may not come twice in a group's report", "[unit]") {
  api::ReportRewardsRequest request = Report();
  Group(request).add_rewards(1);
  Group(request).add_rewards(1);
  Group(request).add_rollout_indexes(3);
  CHECK(Refused(request) == "reports[0].groups[0].rollout_indexes");
  Group(request).add_rollout_indexes(3);
  CHECK(Refused(request) == "reports[0].groups[0].rollout_indexes");
  Group(request).set_rollout_indexes(1, 4);
  CHECK(Refused(request) == "");
  Group(request).add_failed_rollout_indexes(4);
  CHECK(Refused(request) == "reports[0].groups[0].failed_rollout_indexes");
}

TEST_CASE("rewards that are no finite number are refused by place", "[unit]") {
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(),
                           std::numeric_limits<double>::infinity(),
                           -std::numeric_limits<double>::infinity()}) {
    api::ReportRewardsRequest request = Report();
    Group(request).add_rewards(1);
    Group(request).add_rewards(bad);
    const absl::Status status = ParseReportRewards(request).status();
    CHECK(sampling::ErrorReason(status) == "REWARD_OUT_OF_RULE");
    CHECK(status.message().find("reports[0].groups[0].rewards[1]") !=
          absl::string_view::npos);
  }
}

TEST_CASE("a prompt comes once in a batch's report, a batch once in a request",
          "[unit]") {
  api::ReportRewardsRequest request = Report();
  request.mutable_reports(0)->add_groups()->set_prompt_id("p");
  CHECK(Refused(request) == "reports[0].groups[1].prompt_id");
  request.mutable_reports(0)->mutable_groups(1)->set_prompt_id("q");
  CHECK(Refused(request) == "");
  *request.add_reports() = request.reports(0);
  CHECK(Refused(request) == "reports[1].batch_id");
}

TEST_CASE("more rollouts than a group or a request may have are refused",
          "[unit]") {
  api::ReportRewardsRequest request = Report();
  for (size_t i = 0; i <= sampling::kMaxGroupSize; ++i) {
    Group(request).add_rewards(1);
  }
  CHECK(sampling::ErrorReason(ParseReportRewards(request).status()) ==
        "TOO_MANY_ROLLOUTS");
  Group(request).mutable_rewards()->RemoveLast();
  CHECK(Refused(request) == "");
  const size_t fit = sampling::kMaxRolloutsPerReport / sampling::kMaxGroupSize;
  for (size_t i = 1; i <= fit; ++i) {
    api::GroupReport& group = *request.mutable_reports(0)->add_groups();
    group = request.reports(0).groups(0);
    group.set_prompt_id(absl::StrCat("p", i));
  }
  const absl::Status status = ParseReportRewards(request).status();
  CHECK(sampling::ErrorReason(status) == "TOO_MANY_ROLLOUTS");
}

TEST_CASE("a count of bits that overflows is refused before it is used",
          "[unit]") {
  api::ReportRewardsRequest request = Report();
  Group(request).mutable_binary_rewards()->set_count(0xffffffff);
  CHECK_FALSE(ParseReportRewards(request).ok());
}

TEST_CASE("too many batches in a report are refused", "[unit]") {
  api::ReportRewardsRequest request;
  request.set_run("runs/r");
  for (size_t i = 0; i <= sampling::kMaxBatchesPerReport; ++i) {
    request.add_reports()->set_batch_id(absl::StrCat("1-", i));
  }
  CHECK(Refused(request) == "reports");
  request.mutable_reports()->RemoveLast();
  CHECK(Refused(request) == "");
}

TEST_CASE("a report names its run, batch and prompt", "[unit]") {
  api::ReportRewardsRequest request = Report();
  request.set_run("r");
  CHECK(Refused(request) == "run");
  request = Report();
  request.mutable_reports(0)->set_batch_id("");
  CHECK(Refused(request) == "reports[0].batch_id");
  request = Report();
  Group(request).set_prompt_id("");
  CHECK(Refused(request) == "reports[0].groups[0].prompt_id");
}

}  // namespace
}  // namespace vade::server
