#include "client/cli/explanation.h"

#include <boost/math/special_functions/beta.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/match.h"
#include "client/cli/format.h"
#include "tests/catch.h"

namespace vade::cli {
namespace {

sampler::v1::Run MakeRun() {
  sampler::v1::Run run;
  run.set_name("runs/r");
  run.set_policy("vade");
  run.set_group_size(8);
  run.set_clock(12);
  return run;
}

sampler::v1::Prompt MakePrompt() {
  sampler::v1::Prompt prompt;
  prompt.set_id("q");
  prompt.set_posterior_mean(0.5);
  prompt.set_expected_egr(0.75);
  return prompt;
}

}  // namespace

TEST_CASE("The central interval holds 95 % of the posterior", "[unit]") {
  for (const double alpha : {0.0, 0.1, 3.0, 1e6}) {
    for (const double beta : {0.0, 8.4, 1e4}) {
      sampler::v1::Evidence evidence;
      evidence.set_alpha(alpha);
      evidence.set_beta(beta);
      const Interval interval = CentralInterval(evidence);
      CAPTURE(alpha, beta);
      CHECK(boost::math::ibeta(alpha + 1, beta + 1, interval.low) ==
            Approx(0.025));
      CHECK(boost::math::ibetac(alpha + 1, beta + 1, interval.high) ==
            Approx(0.025));
    }
  }
}

TEST_CASE("As JSON, a prompt is as the server sent it, with the interval",
          "[unit]") {
  sampler::v1::Prompt prompt = MakePrompt();
  prompt.mutable_evidence()->set_alpha(3);
  prompt.mutable_evidence()->set_beta(8.4);
  prompt.set_rollout_count(uint64_t{1} << 60);
  const auto json = nlohmann::ordered_json::parse(ExplainAsJson(prompt));
  CHECK(json.size() == 2);
  CHECK(json["prompt"] == nlohmann::ordered_json::parse(ToJson(prompt, false)));
  CHECK(json["prompt"]["rollout_count"] == "1152921504606846976");
  const Interval interval = CentralInterval(prompt.evidence());
  CHECK(json["posterior_interval"]["low"] == interval.low);
  CHECK(json["posterior_interval"]["high"] == interval.high);
  CHECK(json["posterior_interval"]["probability"] == Approx(0.95));
}

TEST_CASE("A prompt that nobody saw says so", "[unit]") {
  const std::string text = Explain(MakeRun(), MakePrompt(), nullptr, 80);
  CHECK(absl::StrContains(text, "nothing is known of it yet"));
  CHECK(absl::StrContains(text, "It was never dealt."));
  CHECK(absl::StrContains(text, "0.025 to 0.975"));
  CHECK(absl::StrContains(text, "P(zero-variance)  25.0 %"));
}

TEST_CASE("A prompt in flight says with which batch and why", "[unit]") {
  sampler::v1::Prompt prompt = MakePrompt();
  prompt.set_in_flight(true);
  prompt.set_deal_count(2);
  prompt.set_last_batch("1-7");
  prompt.set_last_dealt_clock(11);
  prompt.set_last_draw(0.3);
  prompt.set_last_score(0.147);
  sampler::v1::Batch batch;
  batch.set_batch_size(128);
  batch.set_group_size(8);
  auto* group = batch.add_groups();
  group->mutable_prompt()->set_prompt_id("q");
  group->set_state(sampler::v1::Group::IN_FLIGHT);
  const std::string text = Explain(MakeRun(), prompt, &batch, 80);
  CHECK(absl::StrContains(text, "It is in flight with batch 1-7"));
  CHECK(absl::StrContains(text, "0.300"));
  CHECK(absl::StrContains(text, "scores 0.1470"));
  CHECK(absl::StrContains(text, "best 128"));
  CHECK(absl::StrContains(text, "in flight: 0 of 8 rewards"));
}

TEST_CASE("A prompt of a forgotten batch says that it is forgotten", "[unit]") {
  sampler::v1::Prompt prompt = MakePrompt();
  prompt.set_deal_count(2);
  prompt.set_last_batch("1-7");
  prompt.set_last_dealt_clock(11);
  CHECK(absl::StrContains(Explain(MakeRun(), prompt, nullptr, 0), "forgotten"));
}

TEST_CASE("Each policy is explained by what it does", "[unit]") {
  sampler::v1::Prompt prompt = MakePrompt();
  prompt.set_deal_count(1);
  prompt.set_last_batch("1-7");
  prompt.set_last_dealt_clock(11);
  prompt.set_last_draw(0.3);
  prompt.set_last_score(0.147);
  sampler::v1::Run run = MakeRun();
  CHECK(absl::StrContains(Explain(run, prompt, nullptr, 0),
                          "drew from its posterior"));
  run.set_policy("greedy");
  CHECK(absl::StrContains(Explain(run, prompt, nullptr, 0),
                          "took its posterior mean"));
  run.set_policy("uniform");
  CHECK(absl::StrContains(Explain(run, prompt, nullptr, 0),
                          "whatever its score"));
}

TEST_CASE("Disabled and cooling prompts say so", "[unit]") {
  sampler::v1::Prompt prompt = MakePrompt();
  prompt.set_last_dealt_clock(11);
  sampler::v1::Run run = MakeRun();
  run.set_cooldown(5);
  CHECK(absl::StrContains(Explain(run, prompt, nullptr, 0), "It cools down"));
  prompt.set_disabled(true);
  CHECK(absl::StrContains(Explain(run, prompt, nullptr, 0), "It is disabled"));
}

}  // namespace vade::cli
