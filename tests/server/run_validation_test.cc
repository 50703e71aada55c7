// Each refusal of a request about runs, and what good ones become.
#include <limits>
#include <string>

#include "google/protobuf/util/time_util.h"
#include "server/page_token.h"
#include "server/sampling/limits.h"
#include "server/validation.h"
#include "tests/catch.h"
#include "tests/server/refusal.h"

namespace vade::server {
namespace {

namespace api = sampler::v1;
using google::protobuf::util::TimeUtil;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

api::CreateRunRequest Create() {
  api::CreateRunRequest request;
  request.set_run_id("r");
  return request;
}

std::string Refused(const api::CreateRunRequest& request) {
  const auto call = ParseCreateRun(request);
  if (!call.ok()) return RefusedField(call.status());
  return RefusedField(sampling::ResolveSettings(call->settings, 1).status());
}

TEST_CASE("a new run that says nothing takes every default", "[unit]") {
  const auto call = ParseCreateRun(Create());
  REQUIRE(call.ok());
  const auto settings = sampling::ResolveSettings(call->settings, 7);
  REQUIRE(settings.ok());
  CHECK(settings->seed == 7);
  CHECK(settings->policy == "vade");
  CHECK(settings->group_size == 8);
  CHECK(settings->selected_decay == 0.2);
  CHECK(settings->unselected_decay == 0.999);
  CHECK(settings->reward_rule == storage::RewardRule());
  CHECK(settings->retained_deals == sampling::kDefaultRetainedDeals);
}

TEST_CASE("a new run's settings are taken as given", "[unit]") {
  api::CreateRunRequest request = Create();
  api::Run& run = *request.mutable_run();
  run.set_display_name("A run");
  run.set_policy("mopps");
  run.set_seed(0);
  run.set_selected_decay(0);
  run.set_cooldown(2.5);
  run.mutable_reward_rule()->mutable_range()->set_min(-1);
  run.mutable_reward_rule()->mutable_range()->set_max(3);
  run.mutable_starting_evidence()->set_pass_rate(0.25);
  run.mutable_starting_evidence()->set_weight(8);
  *run.mutable_lease_ttl() = TimeUtil::SecondsToDuration(90);
  const auto call = ParseCreateRun(request);
  REQUIRE(call.ok());
  CHECK(call->display_name == "A run");
  const auto settings = sampling::ResolveSettings(call->settings, 7);
  REQUIRE(settings.ok());
  CHECK(settings->seed == 0);
  CHECK(settings->policy == "mopps");
  CHECK(settings->selected_decay == 0);
  CHECK(settings->cooldown == 2.5);
  CHECK(settings->reward_rule.min == -1);
  CHECK(settings->reward_rule.max == 3);
  CHECK(settings->starting_alpha == 2);
  CHECK(settings->starting_beta == 6);
  CHECK(settings->lease_ttl_us == 90'000'000);
}

TEST_CASE("a run id out of form is refused", "[unit]") {
  for (const std::string& bad :
       {std::string(), std::string("A"), std::string(".a"), std::string("a/b"),
        std::string("a b"), std::string(64, 'a'), std::string("\xc3\xa4")}) {
    api::CreateRunRequest request = Create();
    request.set_run_id(bad);
    INFO(bad);
    CHECK(Refused(request) == "run_id");
  }
  api::CreateRunRequest request = Create();
  request.set_run_id(std::string(63, 'a'));
  CHECK(Refused(request) == "");
  request.set_run_id("0a._-");
  CHECK(Refused(request) == "");
}

TEST_CASE("settings out of range are refused by name", "[unit]") {
  struct Bad {
    const char* field;
    void (*set)(api::Run& run);
  };
  const Bad bads[] = {
      {"run.display_name",
       [](api::Run& run) { run.set_display_name(std::string(257, 'x')); }},
      {"run.display_name", [](api::Run& run) { run.set_display_name("a\nb"); }},
      {"policy", [](api::Run& run) { run.set_policy("best"); }},
      {"selected_decay", [](api::Run& run) { run.set_selected_decay(1.1); }},
      {"selected_decay", [](api::Run& run) { run.set_selected_decay(kNan); }},
      {"unselected_decay", [](api::Run& run) { run.set_unselected_decay(0); }},
      {"run.group_size", [](api::Run& run) { run.set_group_size(1025); }},
      {"reference_batch_size",
       [](api::Run& run) { run.set_reference_batch_size(65537); }},
      {"cooldown", [](api::Run& run) { run.set_cooldown(-1); }},
      {"cooldown", [](api::Run& run) { run.set_cooldown(kNan); }},
      {"target_pass_rate",
       [](api::Run& run) { run.set_target_pass_rate(1.01); }},
      {"run.retained_deals",
       [](api::Run& run) { run.set_retained_deals(16'777'217); }},
      {"run.lease_ttl",
       [](api::Run& run) { run.mutable_lease_ttl()->set_nanos(999'999'999); }},
      {"run.lease_ttl",
       [](api::Run& run) {
         run.mutable_lease_ttl()->set_seconds(7 * 86'400 + 1);
       }},
      {"run.lease_ttl",
       [](api::Run& run) {
         run.mutable_lease_ttl()->set_seconds(2);
         run.mutable_lease_ttl()->set_nanos(-1);
       }},
      {"run.retention_age",
       [](api::Run& run) { run.mutable_retention_age()->set_seconds(59); }},
      {"run.retention_age",
       [](api::Run& run) {
         run.mutable_retention_age()->set_seconds(
             std::numeric_limits<int64_t>::max());
       }},
      {"run.starting_evidence.pass_rate",
       [](api::Run& run) {
         run.mutable_starting_evidence()->set_pass_rate(-0.1);
       }},
      {"run.starting_evidence.weight",
       [](api::Run& run) {
         run.mutable_starting_evidence()->set_weight(1e6 + 1);
       }},
      {"run.reward_rule.range.max",
       [](api::Run& run) { run.mutable_reward_rule()->mutable_range(); }},
      {"run.reward_rule.range.min",
       [](api::Run& run) {
         run.mutable_reward_rule()->mutable_range()->set_min(-1e10);
       }},
      {"run.reward_rule.threshold.threshold",
       [](api::Run& run) {
         run.mutable_reward_rule()->mutable_threshold()->set_threshold(kNan);
       }},
  };
  for (const Bad& bad : bads) {
    api::CreateRunRequest request = Create();
    bad.set(*request.mutable_run());
    INFO(request.ShortDebugString());
    CHECK(Refused(request) == bad.field);
  }
}

TEST_CASE("an update takes only what its mask names", "[unit]") {
  api::UpdateRunRequest request;
  request.mutable_run()->set_name("runs/r");
  request.mutable_run()->set_etag("3");
  request.mutable_run()->set_group_size(16);
  request.mutable_run()->set_cooldown(4);
  request.mutable_update_mask()->add_paths("group_size");
  const auto call = ParseUpdateRun(request);
  REQUIRE(call.ok());
  CHECK(call->run_id == "r");
  CHECK(call->change.etag == "3");
  CHECK(call->change.group_size == 16u);
  CHECK_FALSE(call->change.cooldown.has_value());
  CHECK_FALSE(call->change.lease_ttl.has_value());
}

TEST_CASE("an update sets a masked field that is unset to its default",
          "[unit]") {
  api::UpdateRunRequest request;
  request.mutable_run()->set_name("runs/r");
  for (const char* path :
       {"display_name", "group_size", "reference_batch_size", "cooldown",
        "target_pass_rate", "lease_ttl", "starting_evidence", "retained_deals",
        "retention_age"}) {
    request.mutable_update_mask()->add_paths(path);
  }
  const auto call = ParseUpdateRun(request);
  REQUIRE(call.ok());
  const sampling::RunChange& change = call->change;
  CHECK(change.display_name == "");
  CHECK(change.group_size == sampling::kDefaultGroupSize);
  CHECK(change.reference_batch_size == 0u);
  CHECK(change.cooldown == 0);
  CHECK(change.target_pass_rate == 0.5);
  CHECK(change.lease_ttl == sampling::kDefaultLeaseTtl);
  CHECK(change.starting_evidence == sampling::Evidence());
  CHECK(change.retained_deals == sampling::kDefaultRetainedDeals);
  CHECK(change.retention_age == sampling::kDefaultRetentionAge);
}

TEST_CASE("an update without a mask or of fixed or unknown fields is refused",
          "[unit]") {
  api::UpdateRunRequest request;
  request.mutable_run()->set_name("runs/r");
  CHECK(RefusedField(ParseUpdateRun(request).status()) == "update_mask");
  for (const char* fixed :
       {"name", "policy", "seed", "reward_rule", "reward_rule.range",
        "selected_decay", "unselected_decay"}) {
    request.mutable_update_mask()->clear_paths();
    request.mutable_update_mask()->add_paths(fixed);
    CHECK(sampling::ErrorReason(ParseUpdateRun(request).status()) ==
          "FIELD_IMMUTABLE");
  }
  for (const char* unknown : {"*", "clock", "lease_ttl.seconds", ""}) {
    request.mutable_update_mask()->clear_paths();
    request.mutable_update_mask()->add_paths(unknown);
    CHECK(RefusedField(ParseUpdateRun(request).status()) == "update_mask");
  }
}

TEST_CASE("page sizes out of range are refused", "[unit]") {
  api::ListRunsRequest request;
  CHECK(ParseListRuns(request)->page_size == 100);
  request.set_page_size(1000);
  CHECK(ParseListRuns(request)->page_size == 1000);
  request.set_page_size(1001);
  CHECK(RefusedField(ParseListRuns(request).status()) == "page_size");
  request.set_page_size(-1);
  CHECK(RefusedField(ParseListRuns(request).status()) == "page_size");
}

TEST_CASE("a watch's interval has a default and bounds", "[unit]") {
  api::WatchRunRequest request;
  request.set_run("runs/r");
  CHECK(ParseWatchRun(request)->interval == absl::Seconds(1));
  *request.mutable_interval() = TimeUtil::MillisecondsToDuration(100);
  CHECK(ParseWatchRun(request)->interval == absl::Milliseconds(100));
  *request.mutable_interval() = TimeUtil::MillisecondsToDuration(99);
  CHECK(RefusedField(ParseWatchRun(request).status()) == "interval");
  *request.mutable_interval() = TimeUtil::SecondsToDuration(3601);
  CHECK(RefusedField(ParseWatchRun(request).status()) == "interval");
}

}  // namespace
}  // namespace vade::server
