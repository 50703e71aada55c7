// Replay: the same seed, prompts and requests at the same times give the same
// batches, whatever restarts lie between; and the order of reports does not
// matter.
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/catch.h"
#include "tests/simulation/compare.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/generator.h"
#include "tests/simulation/map_store.h"
#include "tests/simulation/model.h"
#include "tests/simulation/system.h"

namespace vade::simulation {
namespace {

constexpr char kRun[] = "run";

struct Moment {
  absl::Duration step;  // since the moment before
  Operation operation;
};

struct Recording {
  storage::RunSettings settings;
  std::vector<Moment> moments;
};

// Every bit of what a batch says.
std::string Exactly(const sampling::SampleResult& batch) {
  std::string text = absl::StrCat(batch.batch_id, " ", batch.clock, " ",
                                  absl::FormatTime(batch.expire_time));
  for (const sampling::SampledPrompt& prompt : batch.prompts) {
    for (const double number : {prompt.draw, prompt.score,
                                prompt.posterior_mean, prompt.expected_egr}) {
      absl::StrAppend(&text, " ",
                      absl::Hex(__builtin_bit_cast(uint64_t, number)));
    }
    absl::StrAppend(&text, " ", prompt.index, " ", prompt.id, ";");
  }
  return text;
}

Recording Record(uint64_t seed, int steps) {
  Dice dice(seed);
  Recording recording;
  recording.settings = RandomSettings(dice);
  MapStore disk;
  System system(disk);
  REQUIRE(system.Open().ok());
  const Answer created = system.CreateRun(kRun, recording.settings);
  REQUIRE(created.ok());
  const uint64_t epoch =
      std::get<sampling::RunInfo>(created.value).record.epoch;
  Model model(recording.settings, epoch, Flaw::kNone);
  for (int i = 0; i < steps; ++i) {
    const absl::Duration step = absl::Milliseconds(dice.Below(1500));
    system.clock().Advance(step);
    Operation operation =
        i == 0 ? FirstImport(dice, 30) : RandomOperation(dice, model);
    // The model needs whole batches, not shards of them.
    if (auto* sample = std::get_if<Sample>(&operation)) {
      sample->request.shard = {};
    }
    const Answer answer = system.Perform(kRun, {operation})[0];
    std::optional<sampling::SampleResult> dealt;
    if (const auto* sampled =
            std::get_if<sampling::SampleResult>(&answer.value)) {
      dealt = *sampled;
    }
    model.Apply(operation, system.clock().Now(), dealt);
    recording.moments.push_back({step, operation});
  }
  return recording;
}

// Plays it, restarting the server before the moments in `restarts`, and returns
// all batches and the last evidence of each prompt, bit for bit.
std::vector<std::string> Play(const Recording& recording,
                              const std::vector<size_t>& restarts) {
  std::vector<std::string> played;
  MapStore disk;
  System system(disk);
  REQUIRE(system.Open().ok());
  REQUIRE(system.CreateRun(kRun, recording.settings).ok());
  for (size_t i = 0; i < recording.moments.size(); ++i) {
    if (std::count(restarts.begin(), restarts.end(), i) > 0) {
      system.Close();
      REQUIRE(system.Open().ok());
    }
    system.clock().Advance(recording.moments[i].step);
    const Answer answer =
        system.Perform(kRun, {recording.moments[i].operation})[0];
    if (const auto* sampled =
            std::get_if<sampling::SampleResult>(&answer.value)) {
      played.push_back(Exactly(*sampled));
    }
  }
  const std::optional<Snapshot> last = system.Read(kRun);
  REQUIRE(last.has_value());
  for (const sampling::PromptInfo& prompt : last->prompts) {
    played.push_back(absl::StrCat(
        prompt.id, " ",
        absl::Hex(__builtin_bit_cast(uint64_t, prompt.evidence.alpha)), " ",
        absl::Hex(__builtin_bit_cast(uint64_t, prompt.evidence.beta))));
  }
  return played;
}

TEST_CASE("The same requests at the same times give the same batches",
          "[unit]") {
  const uint64_t seed = GENERATE(1, 2, 3, 4, 5, 6, 7, 8);
  INFO("seed " << seed);
  const Recording recording = Record(seed, 300);
  const std::vector<std::string> first = Play(recording, {});
  CHECK(first.size() > 40);
  CHECK(Play(recording, {}) == first);
}

TEST_CASE("A restart in the middle changes no batch", "[unit]") {
  const uint64_t seed = GENERATE(11, 12, 13, 14, 15, 16, 17, 18);
  INFO("seed " << seed);
  const Recording recording = Record(seed, 300);
  CHECK(Play(recording, {50, 100, 101, 200}) == Play(recording, {}));
}

TEST_CASE("Another seed of the run gives other batches", "[unit]") {
  Recording recording = Record(21, 300);
  const std::vector<std::string> first = Play(recording, {});
  ++recording.settings.seed;
  CHECK(Play(recording, {}) != first);
}

// ---- Order of reports

constexpr uint32_t kGroupSize = 6;

storage::RunSettings OrderSettings(Dice& dice) {
  storage::RunSettings settings = RandomSettings(dice);
  settings.group_size = kGroupSize;
  settings.cooldown = 0;
  settings.retained_deals = 10000;
  settings.retention_age_us = absl::ToInt64Microseconds(absl::Hours(24));
  settings.lease_ttl_us = absl::ToInt64Microseconds(absl::Seconds(1));
  return settings;
}

// Deals `count` batches from a pool so small that leases must expire before
// prompts can be dealt again, then reports every rollout in a random order.
// Rewards are multiples of 1/8, so that their sums are exact.
Snapshot ReportInOrder(const storage::RunSettings& settings, int count,
                       uint64_t rewards_seed, uint64_t order_seed) {
  MapStore disk;
  System system(disk);
  REQUIRE(system.Open().ok());
  REQUIRE(system.CreateRun(kRun, settings).ok());
  Dice prompts(1);
  system.Perform(kRun, {FirstImport(prompts, 9)});
  Dice rewards(rewards_seed);
  const storage::RewardRule& rule = settings.reward_rule;
  std::vector<Operation> reports;
  for (int i = 0; i < count; ++i) {
    Sample sample;
    sample.request.batch_size = 4;
    sample.request.min_batch_size = 4;
    const Answer answer = system.Perform(kRun, {sample})[0];
    REQUIRE(answer.ok());
    const auto& batch = std::get<sampling::SampleResult>(answer.value);
    for (const sampling::SampledPrompt& prompt : batch.prompts) {
      for (uint32_t rollout = 0; rollout < kGroupSize; ++rollout) {
        const double part = static_cast<double>(rewards.Below(9)) / 8;
        const double reward = rule.kind == storage::RewardRuleKind::kThreshold
                                  ? part
                                  : rule.min + part * (rule.max - rule.min);
        sampling::GroupReport group;
        group.prompt_id = prompt.id;
        group.rewards = {{rollout, reward}};
        Report report;
        report.reports = {{batch.batch_id, {group}}};
        reports.push_back(report);
      }
    }
    system.clock().Advance(absl::Seconds(1));
  }
  Dice order(order_seed);
  if (order_seed != 0) order.Shuffle(reports);
  for (const Answer& answer : system.Perform(kRun, reports)) {
    REQUIRE(answer.ok());
  }
  const std::optional<Snapshot> snapshot = system.Read(kRun);
  REQUIRE(snapshot.has_value());
  CHECK(snapshot->invariants.ok());
  return *snapshot;
}

TEST_CASE("Evidence is the same bit for bit whatever the order of reports",
          "[unit]") {
  const uint64_t seed = GENERATE(31, 32, 33, 34, 35, 36);
  INFO("seed " << seed);
  Dice dice(seed);
  const storage::RunSettings settings = OrderSettings(dice);
  // One batch: different prompts. Twelve: late reports of the same prompts.
  const int batches = GENERATE(1, 12);
  const Snapshot in_order = ReportInOrder(settings, batches, seed, 0);
  for (uint64_t order = 1; order <= 5; ++order) {
    INFO("order " << order);
    const Snapshot shuffled = ReportInOrder(settings, batches, seed, order);
    REQUIRE(shuffled.prompts.size() == in_order.prompts.size());
    for (size_t i = 0; i < shuffled.prompts.size(); ++i) {
      CHECK(Difference(in_order.prompts[i], shuffled.prompts[i]) == "");
      CHECK(shuffled.prompts[i].evidence == in_order.prompts[i].evidence);
    }
    REQUIRE(shuffled.batches.size() == in_order.batches.size());
    for (size_t i = 0; i < shuffled.batches.size(); ++i) {
      CHECK(Difference(in_order.batches[i], shuffled.batches[i]) == "");
    }
    const storage::RunProgress& want = in_order.stats.totals;
    const storage::RunProgress& got = shuffled.stats.totals;
    CHECK(got.rollouts == want.rollouts);
    CHECK(got.groups == want.groups);
    CHECK(got.effective_groups == want.effective_groups);
    CHECK(got.late_rollouts == want.late_rollouts);
    CHECK(got.successes == want.successes);
    CHECK(std::abs(got.squared_error - want.squared_error) <= 1e-9);
  }
}

}  // namespace
}  // namespace vade::simulation
