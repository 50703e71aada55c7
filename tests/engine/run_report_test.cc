// Reports of a run: assembly of groups, exactly once, order, refusals.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/engine/run_fixture.h"

namespace vade::sampling {
namespace {

constexpr double kTolerance = 1e-9;

void CheckEvidence(const PromptInfo& prompt, double alpha, double beta) {
  CHECK(prompt.evidence.alpha == Approx(alpha).epsilon(kTolerance));
  CHECK(prompt.evidence.beta == Approx(beta).epsilon(kTolerance));
}

// A run with one prompt of this evidence, in flight in one batch.
struct OneInFlight {
  explicit OneInFlight(Evidence evidence = {}, SettingsSpec spec = {})
      : f(spec) {
    PromptSpec prompt;
    prompt.id = "p0";
    prompt.evidence = evidence;
    f.ImportOne(prompt);
    batch = f.Sample(1);
  }
  ReportResult Report(const std::vector<double>& rewards, bool final = false) {
    return f.Report(batch.batch_id, "p0", rewards, final);
  }
  absl::Status Refusal(const GroupReport& group) {
    return f->Report(OneGroup(batch.batch_id, group), f.now()).status();
  }

  RunFixture f;
  SampleResult batch;
};

TEST_CASE("One success of eight moves (0.1, 8.4) to (1.02, 8.68)", "[unit]") {
  OneInFlight one({0.1, 8.4});
  const ReportResult result = one.Report({0, 0, 0, 1, 0, 0, 0, 0});
  CHECK(result.accepted == 8);
  CHECK(result.completed_groups == 1);
  CHECK(result.zero_variance_groups == 0);
  CheckEvidence(one.f.Prompt("p0"), 1.02, 8.68);
}

TEST_CASE("Four successes of eight move (2.7, 5.3) to (4.54, 5.06)", "[unit]") {
  OneInFlight one({2.7, 5.3});
  one.Report({1, 0, 1, 0, 1, 0, 1, 0});
  CheckEvidence(one.f.Prompt("p0"), 4.54, 5.06);
}

TEST_CASE("A prompt that is not selected fades by 0.999 a step", "[unit]") {
  RunFixture f;
  PromptSpec prompt;
  prompt.id = "kept";
  prompt.evidence = Evidence{9.0, 0.2};
  prompt.labels = {{"source", "kept"}};
  f.ImportOne(prompt);
  prompt.id = "dealt";
  prompt.labels = {{"source", "dealt"}};
  f.ImportOne(prompt);
  SampleRequest request = RequestOf(1);
  request.filter = {{"source", {"dealt"}}};
  CheckEvidence(f.Prompt("kept"), 9.0, 0.2);
  REQUIRE(f->Sample(request, f.now()).ok());
  CheckEvidence(f.Prompt("kept"), 8.991, 0.1998);
  CheckEvidence(f.Prompt("dealt"), 8.991, 0.1998);
}

TEST_CASE("A prompt selected at every step saturates at ten rollouts",
          "[unit]") {
  RunFixture f;
  f.Import(1);
  for (int step = 0; step < 60; ++step) f.ReportBatch(f.Sample(1), 4);
  CheckEvidence(f.Prompt("p0"), 5, 5);
}

TEST_CASE("However a group is split its evidence is the same bit for bit",
          "[unit]") {
  OneInFlight whole({0.7, 2.3});
  whole.Report({1, 0, 0.25, 1, 0, 0.5, 1, 0});
  OneInFlight split({0.7, 2.3});
  const std::vector<double> rewards = {1, 0, 0.25, 1, 0, 0.5, 1, 0};
  uint32_t accepted = 0;
  for (const uint32_t index : {5, 0, 7, 3, 1, 2, 6, 4}) {
    GroupReport group;
    group.prompt_id = "p0";
    group.rewards = {{index, rewards[index]}};
    const auto result =
        split.f->Report(OneGroup(split.batch.batch_id, group), split.f.now());
    REQUIRE(result.ok());
    accepted += result->accepted;
    CHECK(result->completed_groups == (accepted == 8 ? 1 : 0));
  }
  CHECK(accepted == 8);
  CHECK(split.f.Prompt("p0").evidence == whole.f.Prompt("p0").evidence);
}

TEST_CASE("Part of a group is evidence before the group is complete",
          "[unit]") {
  OneInFlight one({1, 1});
  one.Report({1, 1, 0});
  CheckEvidence(one.f.Prompt("p0"), 2.2, 1.2);
  CHECK(one.f.Prompt("p0").in_flight);
}

TEST_CASE("A rollout counts once, whatever is repeated", "[unit]") {
  OneInFlight one;
  CHECK(one.Report({1, 0, 1}).accepted == 3);
  const PromptInfo before = one.f.Prompt("p0");
  const ReportResult again = one.Report({0, 0, 0});
  CHECK(again.accepted == 0);
  CHECK(again.duplicate == 3);
  CHECK(one.f.Prompt("p0").evidence == before.evidence);
  CHECK(one.f.Prompt("p0").rollouts == 3);
  REQUIRE(one.f.Reload().ok());
  CHECK(one.Report({0, 0, 0}).duplicate == 3);
  CHECK(one.f.ReportFailed(one.batch.batch_id, "p0", {0, 1, 2}).duplicate == 3);
  CHECK(one.f.Prompt("p0").evidence == before.evidence);
  CHECK(one.f.Totals().duplicate_rollouts == 9);
}

TEST_CASE("A failed rollout completes the group and is no evidence", "[unit]") {
  OneInFlight one;
  one.Report({1, 1, 0, 0, 0, 0});
  const ReportResult result =
      one.f.ReportFailed(one.batch.batch_id, "p0", {6, 7});
  CHECK(result.failed == 2);
  CHECK(result.accepted == 0);
  CHECK(result.completed_groups == 1);
  CheckEvidence(one.f.Prompt("p0"), 2, 4);
  CHECK_FALSE(one.f.Prompt("p0").in_flight);
  CHECK(one.f.Totals().failed_rollouts == 2);
}

TEST_CASE("A group of which all rollouts failed leaves the evidence alone",
          "[unit]") {
  OneInFlight one({3, 4});
  const ReportResult result =
      one.f.ReportFailed(one.batch.batch_id, "p0", {0, 1, 2, 3, 4, 5, 6, 7});
  CHECK(result.completed_groups == 1);
  CHECK(result.zero_variance_groups == 0);
  CheckEvidence(one.f.Prompt("p0"), 3 * 0.999, 4 * 0.999);
  CHECK(one.f.Totals().failed_groups == 1);
  CHECK(one.f.Totals().groups == 0);
}

TEST_CASE("A final report completes a group with what is in", "[unit]") {
  OneInFlight one;
  const ReportResult result = one.Report({1, 0, 1}, true);
  CHECK(result.completed_groups == 1);
  CHECK(result.late == 0);
  CHECK_FALSE(one.f.Prompt("p0").in_flight);
  CHECK(one.f.Batch(one.batch.batch_id).state ==
        storage::BatchState::kCompleted);
  CheckEvidence(one.f.Prompt("p0"), 2, 1);
}

TEST_CASE("Rollouts after a final report are late and still count", "[unit]") {
  OneInFlight one;
  one.Report({1, 0}, true);
  const ReportResult result = one.Report({1, 0, 1, 1});
  CHECK(result.duplicate == 2);
  CHECK(result.accepted == 2);
  CHECK(result.late == 2);
  CHECK(result.completed_groups == 0);
  CheckEvidence(one.f.Prompt("p0"), 3, 1);
}

TEST_CASE("A group without two different rewards is zero-variance", "[unit]") {
  for (const double reward : {0.0, 1.0, 0.3}) {
    OneInFlight one;
    CHECK(one.Report(std::vector<double>(8, reward)).zero_variance_groups == 1);
    CHECK(one.f.Totals().groups == 1);
    CHECK(one.f.Totals().effective_groups == 0);
  }
}

TEST_CASE("Variance is of rewards, not of successes", "[unit]") {
  SettingsSpec spec;
  storage::RewardRule rule;
  rule.kind = storage::RewardRuleKind::kThreshold;
  rule.threshold = 0.5;
  spec.reward_rule = rule;
  spec.group_size = 2;
  OneInFlight one({}, spec);
  CHECK(one.Report({0.6, 0.7}).zero_variance_groups == 0);
  CHECK(one.f.Totals().effective_groups == 1);
  CheckEvidence(one.f.Prompt("p0"), 2, 0);
}

TEST_CASE("A report after expiry is late and counts all the same", "[unit]") {
  OneInFlight one;
  one.Report({1, 0});
  one.f.Pass(absl::Hours(1));
  const Evidence before = one.f.Prompt("p0").evidence;
  CHECK(before == Evidence{1, 1});
  const ReportResult result = one.Report({1, 0, 1, 1, 1, 1, 1, 1});
  CHECK(result.accepted == 6);
  CHECK(result.late == 6);
  CHECK(result.completed_groups == 1);
  CheckEvidence(one.f.Prompt("p0"), 7, 1);
  CHECK(one.f.Batch(one.batch.batch_id).state == storage::BatchState::kExpired);
  CHECK(one.f.Totals().late_rollouts == 6);
}

TEST_CASE("A late group is discounted as if it had come in time", "[unit]") {
  const auto deal_twice = [](bool in_order) {
    RunFixture f;
    f.Import(1);
    const SampleResult first = f.Sample(1);
    f.Pass(absl::Hours(1));
    PromptSpec other;
    other.id = "other";
    other.labels = {{"source", "other"}};
    f.ImportOne(other);
    SampleRequest request = RequestOf(1);
    request.filter = {{"source", {"other"}}};
    REQUIRE(f->Sample(request, f.now()).ok());  // the clock goes on
    const SampleResult second = f.Sample(1);
    REQUIRE(second.prompts[0].id == "p0");
    const std::vector<double> a = {1, 1, 1, 0, 0, 0, 0, 0};
    const std::vector<double> b = {1, 1, 1, 1, 1, 1, 0, 0};
    if (in_order) f.Report(first.batch_id, "p0", a);
    f.Report(second.batch_id, "p0", b);
    if (!in_order) REQUIRE(f.Reload().ok());
    if (!in_order) f.Report(first.batch_id, "p0", a);
    return f.Prompt("p0");
  };
  const PromptInfo in_time = deal_twice(true);
  const PromptInfo late = deal_twice(false);
  CHECK(late.evidence == in_time.evidence);
  // Clocks 0 and 2: lambda1 * lambda2^(2 - 1 - 0) * 3 + 6.
  CheckEvidence(late, 0.2 * 0.999 * 3 + 6, 0.2 * 0.999 * 5 + 2);
}

TEST_CASE("A report over many batches is applied whole or not at all",
          "[unit]") {
  RunFixture f;
  f.Import(4);
  const SampleResult a = f.Sample(2);
  const SampleResult b = f.Sample(2);
  f.Commit();
  std::vector<BatchReport> reports(2);
  for (int i = 0; i < 2; ++i) {
    const SampleResult& batch = i == 0 ? a : b;
    reports[i].batch_id = batch.batch_id;
    for (const SampledPrompt& prompt : batch.prompts) {
      GroupReport group;
      group.prompt_id = prompt.id;
      group.rewards = Rollouts({1, 0, 1});
      reports[i].groups.push_back(group);
    }
  }
  reports[1].groups[1].rewards[2].reward = 1.5;
  CHECK(ReasonOf(f->Report(reports, f.now())) == "REWARD_OUT_OF_RULE");
  CHECK(f->TakeMutation().empty());
  CHECK(f.Totals().rollouts == 0);
  reports[1].groups[1].rewards[2].reward = 0.5;
  const auto result = f->Report(reports, f.now());
  REQUIRE(result.ok());
  CHECK(result->accepted == 12);
}

TEST_CASE("Rewards outside the rule are refused by field, value and rule",
          "[unit]") {
  OneInFlight one;
  for (const double reward :
       {-0.5, 1.5, std::nan(""), std::numeric_limits<double>::infinity()}) {
    GroupReport group;
    group.prompt_id = "p0";
    group.rewards = Rollouts({1, reward});
    const absl::Status status = one.Refusal(group);
    CHECK(absl::IsInvalidArgument(status));
    CHECK(ReasonOf(status) == "REWARD_OUT_OF_RULE");
    CHECK(MetadataOf(status, "field") == "reports[0].groups[0].rewards[1]");
    CHECK(MetadataOf(status, "rule") != "(none)");
  }
}

TEST_CASE("Rollout indexes from the group size on are refused", "[unit]") {
  OneInFlight one;
  GroupReport group;
  group.prompt_id = "p0";
  group.rewards = {{8, 1}};
  absl::Status status = one.Refusal(group);
  CHECK(absl::IsInvalidArgument(status));
  CHECK(ReasonOf(status) == "ROLLOUT_INDEX_OUT_OF_RANGE");
  CHECK(MetadataOf(status, "value") == "8");
  CHECK(MetadataOf(status, "group_size") == "8");
  group.rewards.clear();
  group.failed = {0, 4'000'000'000};
  CHECK(ReasonOf(one.Refusal(group)) == "ROLLOUT_INDEX_OUT_OF_RANGE");
}

TEST_CASE("Batches and prompts that are not there are refused by name",
          "[unit]") {
  OneInFlight one;
  one.f.Import(1, 1);
  GroupReport group;
  group.prompt_id = "p1";
  const absl::Status status = one.Refusal(group);
  CHECK(absl::IsNotFound(status));
  CHECK(ReasonOf(status) == "PROMPT_NOT_IN_BATCH");
  CHECK(MetadataOf(status, "prompt") == "p1");
  group.prompt_id = "p0";
  for (const char* id : {"5-2", "5-0", "5", "", "x", "5-1-1", "5-01", "-5-1"}) {
    INFO(id);
    const absl::Status missing =
        one.f->Report(OneGroup(id, group), one.f.now()).status();
    CHECK(absl::IsNotFound(missing));
    CHECK(ReasonOf(missing) == "BATCH_NOT_FOUND");
  }
  const absl::Status foreign =
      one.f->Report(OneGroup("4-1", group), one.f.now()).status();
  CHECK(absl::IsFailedPrecondition(foreign));
  CHECK(ReasonOf(foreign) == "BATCH_OF_OTHER_EPOCH");
  CHECK(MetadataOf(foreign, "epoch") == "5");
}

TEST_CASE("Setting evidence supersedes what was sampled before", "[unit]") {
  OneInFlight one;
  one.Report({1, 1});
  PromptChange change;
  change.id = "p0";
  change.evidence = Evidence{2, 3};
  REQUIRE(one.f->UpdatePrompt(change, one.f.now()).ok());
  const ReportResult result = one.Report({1, 1, 1, 1, 1, 1, 1, 1});
  CHECK(result.accepted == 6);
  CHECK(result.superseded == 6);
  CHECK(result.completed_groups == 1);
  const PromptInfo prompt = one.f.Prompt("p0");
  CheckEvidence(prompt, 2, 3);
  CHECK(prompt.rollouts == 8);
  CHECK(prompt.successes == 8);
  CHECK(one.f.Totals().superseded_rollouts == 6);
  // The next group is evidence again.
  one.f.ReportBatch(one.f.Sample(1), 8);
  CheckEvidence(one.f.Prompt("p0"), 0.2 * 2 + 8, 0.2 * 3);
}

TEST_CASE("Reports of a deleted prompt are taken and change no evidence",
          "[unit]") {
  const bool reload = GENERATE(false, true);
  OneInFlight one;
  REQUIRE(one.f->DeletePrompt("p0", one.f.now()).ok());
  if (reload) REQUIRE(one.f.Reload().ok());
  one.f.Import(1);
  const ReportResult result = one.Report({1, 1, 1, 1, 1, 1, 1, 1});
  CHECK(result.accepted == 8);
  CHECK(result.superseded == 8);
  CHECK(one.f.Prompt("p0").evidence == Evidence());
  CHECK(one.f.Prompt("p0").rollouts == 0);
}

TEST_CASE("A prompt deleted twice is found in the batches of both lives",
          "[unit]") {
  const bool reload = GENERATE(false, true);
  OneInFlight one;
  REQUIRE(one.f->DeletePrompt("p0", one.f.now()).ok());
  one.f.Import(1);
  const SampleResult second = one.f.Sample(1);
  REQUIRE(one.f->DeletePrompt("p0", one.f.now()).ok());
  if (reload) REQUIRE(one.f.Reload().ok());
  CHECK(one.Report({1}).superseded == 1);
  CHECK(one.f.Report(second.batch_id, "p0", {1}).superseded == 1);
}

}  // namespace
}  // namespace vade::sampling
