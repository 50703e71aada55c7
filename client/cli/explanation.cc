#include "client/cli/explanation.h"

#include <boost/math/distributions/beta.hpp>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/format.h"
#include "client/cli/help_formatter.h"
#include "client/cli/prompt_view.h"
#include "client/cli/table.h"

namespace vade::cli {
namespace {

using sampler::v1::Batch;
using sampler::v1::Group;
using sampler::v1::Prompt;
using sampler::v1::Run;

constexpr int kTextWidth = 80;
// What the central interval leaves out on each side.
constexpr double kTailProbability = 0.025;

const Group* FindGroup(const Batch& batch, const std::string& prompt_id) {
  for (const Group& group : batch.groups()) {
    if (group.prompt().prompt_id() == prompt_id) return &group;
  }
  return nullptr;
}

std::string DescribeState(const Run& run, const Prompt& prompt) {
  if (prompt.disabled() && !prompt.in_flight()) {
    return "It is disabled, so it is not dealt.";
  }
  if (prompt.in_flight()) {
    return absl::StrCat("It is in flight with batch ", prompt.last_batch(),
                        ", so it is not dealt until its group completes, it "
                        "is released, or the lease expires.",
                        prompt.disabled() ? " After that it is disabled." : "");
  }
  const double since = run.clock() - prompt.last_dealt_clock();
  if (prompt.has_last_dealt_clock() && since < run.cooldown()) {
    return absl::StrFormat(
        "It cools down: it was dealt %s steps ago, and the run's cooldown is "
        "%s.",
        FormatNumber(since), FormatNumber(run.cooldown()));
  }
  return "It is free, and may be in the next batch.";
}

std::string DescribeKnowledge(const Run& run, const Prompt& prompt) {
  const Interval interval = CentralInterval(prompt.evidence());
  const double rollouts = prompt.evidence().alpha() + prompt.evidence().beta();
  std::string text = absl::StrFormat(
      "Its pass rate is about %s, and with 95 %% probability between %s and "
      "%s: ",
      FormatRate(prompt.posterior_mean()), FormatRate(interval.low),
      FormatRate(interval.high));
  if (rollouts == 0) {
    text += "nothing is known of it yet.";
  } else {
    absl::StrAppendFormat(
        &text, "what is left of older rollouts counts as %.1f of them.",
        rollouts);
  }
  absl::StrAppendFormat(
      &text,
      " A group of %d rollouts would be zero-variance, and teach nothing, with "
      "probability %s.",
      run.group_size(), FormatShare(1 - prompt.expected_egr()));
  return text;
}

// `prompt` has its last draw and score.
std::string DescribeChoice(const Run& run, const Prompt& prompt,
                           const Batch* batch) {
  if (run.policy() == "uniform") {
    return "Policy uniform deals every prompt once in each pass, whatever its "
           "score.";
  }
  std::string text = absl::StrFormat(
      "Policy %s %s %s then, which scores %.4f", run.policy(),
      run.policy() == "greedy" ? "took its posterior mean,"
                               : "drew from its posterior the pass rate",
      FormatRate(prompt.last_draw()), prompt.last_score());
  if (batch != nullptr) {
    absl::StrAppendFormat(&text, ", among the best %d", batch->batch_size());
  }
  return text + ".";
}

std::string DescribeHistory(const Run& run, const Prompt& prompt,
                            const Batch* batch) {
  if (prompt.deal_count() == 0) return "It was never dealt.";
  std::string text = absl::StrFormat(
      "It was dealt %s and earned a success sum of %g in %d rollouts.",
      prompt.deal_count() == 1 ? "once"
                               : absl::StrCat(prompt.deal_count(), " times"),
      prompt.success_sum(), prompt.rollout_count());
  if (prompt.last_batch().empty() || !prompt.has_last_dealt_clock()) {
    return text;
  }
  absl::StrAppendFormat(
      &text, " The last time was batch %s at clock %s (now %s)",
      prompt.last_batch(), FormatNumber(prompt.last_dealt_clock()),
      FormatNumber(run.clock()));
  if (prompt.has_last_draw() && prompt.has_last_score()) {
    absl::StrAppend(&text, ". ", DescribeChoice(run, prompt, batch));
  } else {
    text += "; why is no longer known, since the batch is forgotten.";
  }
  return text;
}

std::string DescribeGroup(const Group& group, uint32_t group_size) {
  return absl::StrFormat("%s: %d of %d rewards, success sum %g, %d failed%s",
                         FormatEnum(Group::State_Name(group.state())),
                         group.reward_count(), group_size, group.success_sum(),
                         group.failed_count(),
                         group.varied() ? ", varied" : "");
}

}  // namespace

Interval CentralInterval(const sampler::v1::Evidence& evidence) {
  namespace policies = boost::math::policies;
  // Errors become NaN, not exceptions.
  using Policy =
      policies::policy<policies::domain_error<policies::ignore_error>,
                       policies::pole_error<policies::ignore_error>,
                       policies::overflow_error<policies::ignore_error>,
                       policies::evaluation_error<policies::ignore_error>>;
  const boost::math::beta_distribution<double, Policy> posterior(
      evidence.alpha() + 1, evidence.beta() + 1);
  return {boost::math::quantile(posterior, kTailProbability),
          boost::math::quantile(posterior, 1 - kTailProbability)};
}

std::string Explain(const Run& run, const Prompt& prompt,
                    const Batch* last_batch, int columns) {
  const int width = columns > 0 ? std::min(columns, kTextWidth) : kTextWidth;
  std::string text = absl::StrCat("Prompt ", FitWidth(prompt.id(), width),
                                  " of ", run.name(), "\n\n");
  for (const std::string& paragraph :
       {DescribeState(run, prompt), DescribeKnowledge(run, prompt),
        DescribeHistory(run, prompt, last_batch)}) {
    absl::StrAppend(&text, WrapText(paragraph, width, 0), "\n\n");
  }
  const Interval interval = CentralInterval(prompt.evidence());
  auto properties = PromptProperties(prompt);
  properties.insert(
      properties.begin() + 3,
      {{"95 % interval", absl::StrCat(FormatRate(interval.low), " to ",
                                      FormatRate(interval.high))},
       {"P(zero-variance)", FormatShare(1 - prompt.expected_egr())}});
  if (prompt.has_last_draw() && prompt.has_last_score()) {
    properties.emplace_back("last draw", FormatRate(prompt.last_draw()));
    properties.emplace_back("last score",
                            absl::StrFormat("%.4f", prompt.last_score()));
  }
  const Group* group =
      last_batch == nullptr ? nullptr : FindGroup(*last_batch, prompt.id());
  if (group != nullptr) {
    properties.emplace_back("last group",
                            DescribeGroup(*group, last_batch->group_size()));
  }
  return text + RenderProperties(properties, columns);
}

std::string ExplainAsJson(const Prompt& prompt) {
  const Interval interval = CentralInterval(prompt.evidence());
  const nlohmann::ordered_json json = {
      {"prompt",
       nlohmann::ordered_json::parse(ToJson(prompt, /*pretty=*/false))},
      {"posterior_interval",
       {{"probability", 1 - 2 * kTailProbability},
        {"low", interval.low},
        {"high", interval.high}}}};
  return json.dump(1);
}

}  // namespace vade::cli
