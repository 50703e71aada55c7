#include "client/cli/prompt_view.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/format.h"
#include "client/cli/table.h"

namespace vade::cli {

std::string PromptState(const sampler::v1::Prompt& prompt) {
  if (prompt.in_flight()) return "in flight";
  if (prompt.disabled()) return "disabled";
  if (prompt.deal_count() == 0) return "never dealt";
  return "free";
}

std::vector<std::pair<std::string, std::string>> PromptProperties(
    const sampler::v1::Prompt& prompt) {
  std::vector<std::pair<std::string, std::string>> properties = {
      {"prompt", prompt.id()},
      {"state", PromptState(prompt)},
      {"posterior mean", FormatRate(prompt.posterior_mean())},
      {"expected EGR", FormatShare(prompt.expected_egr())},
      {"evidence",
       absl::StrFormat("%.3f successes, %.3f failures (decayed)",
                       prompt.evidence().alpha(), prompt.evidence().beta())},
      {"deals", absl::StrCat(prompt.deal_count())},
      {"rollouts", absl::StrFormat("%d, success sum %g", prompt.rollout_count(),
                                   prompt.success_sum())},
      {"last batch", prompt.last_batch().empty() ? "-" : prompt.last_batch()}};
  if (prompt.has_last_dealt_clock()) {
    properties.emplace_back("last dealt at clock",
                            FormatNumber(prompt.last_dealt_clock()));
  }
  if (!prompt.labels().empty()) {
    properties.emplace_back("labels", FormatLabels(prompt.labels()));
  }
  properties.emplace_back("payload",
                          absl::StrCat(prompt.payload_bytes(), " bytes"));
  return properties;
}

std::string PromptTable(
    const google::protobuf::RepeatedPtrField<sampler::v1::Prompt>& prompts,
    int columns) {
  Table table;
  table.Column("PROMPT").Flexible();
  table.Column("PASS RATE", Align::kRight).Column("EXP. EGR", Align::kRight);
  table.Column("ALPHA", Align::kRight).Column("BETA", Align::kRight);
  table.Column("DEALS", Align::kRight).Column("STATE");
  for (const sampler::v1::Prompt& prompt : prompts) {
    table.AddRow({prompt.id(), FormatRate(prompt.posterior_mean()),
                  FormatShare(prompt.expected_egr()),
                  absl::StrFormat("%.2f", prompt.evidence().alpha()),
                  absl::StrFormat("%.2f", prompt.evidence().beta()),
                  absl::StrCat(prompt.deal_count()), PromptState(prompt)});
  }
  return table.Render(columns);
}

}  // namespace vade::cli
