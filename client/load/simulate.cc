#include "client/load/simulate.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/load/progress.h"
#include "client/load/run_setup.h"
#include "client/load/table.h"

namespace vade::load {
namespace {

namespace api = client::api;

absl::StatusOr<SimulationResult> SimulateRun(client::Client& client, Crew& crew,
                                             const SimulateOptions& options,
                                             const api::Run& run,
                                             std::FILE* out) {
  const SimulatedLearner learner({.seed = options.seed});
  Progress progress(absl::StrCat("[simulated] ", run.policy()), options.steps,
                    out, client::SystemClock());
  const std::string run_id = client::RunId(run.name());
  const auto records =
      Train(client, crew, learner,
            {.run_id = run_id,
             .request_prefix = absl::StrCat("load-", run.batch_count(), "-"),
             .steps = options.steps,
             .batch_size = options.batch_size,
             .seed = options.seed},
            [&options, &progress](const StepRecord& record) {
              progress.Show(record);
              if (options.on_step) options.on_step(record);
            });
  if (!records.ok()) return records.status();
  api::GetRunStatsRequest request;
  request.set_run(run.name());
  const auto stats = client.GetRunStats(request);
  if (!stats.ok()) return stats.status();
  return SimulationResult{
      .run_id = run_id,
      .policy = run.policy(),
      .totals = TotalsFrom(*records, 0),
      .skill_gained = records->empty() ? 0 : records->back().skill,
      .ever_dealt_share = stats->ever_dealt_share(),
      .rollout_count = stats->rollout_count() + stats->failed_rollout_count()};
}

// The run to compare with: same prompts, same seed, another policy. A new one
// each time, since its evidence must start where the other's did.
absl::StatusOr<api::Run> MakeComparison(client::Client& client,
                                        const SimulateOptions& options,
                                        const api::Run& run) {
  const std::string run_id =
      absl::StrCat(client::RunId(run.name()), "-", options.compare_policy, "-",
                   run.batch_count());
  const auto prompt_ids = ListPromptIds(client, client::RunId(run.name()));
  if (!prompt_ids.ok()) return prompt_ids.status();
  auto comparison = MakeRun(client, {.run_id = run_id,
                                     .policy = options.compare_policy,
                                     .seed = options.seed,
                                     .group_size = run.group_size()});
  if (!comparison.ok()) return comparison;
  absl::Status imported = ImportPromptIds(client, run_id, *prompt_ids);
  if (!imported.ok()) return imported;
  return comparison;
}

}  // namespace

absl::StatusOr<std::vector<SimulationResult>> Simulate(
    client::Client& client, const SimulateOptions& options, std::FILE* out) {
  const auto run = FindOrMakeRun(client, {.run_id = options.run_id,
                                          .policy = options.policy,
                                          .seed = options.seed,
                                          .group_size = options.group_size});
  if (!run.ok()) return run.status();
  if (run->prompt_count() == 0) {
    absl::Status imported = ImportPromptIds(
        client, options.run_id, NumberedPromptIds(options.prompt_count));
    if (!imported.ok()) return imported;
    absl::FPrintF(out, "%d prompts made up\n", options.prompt_count);
  }
  const auto crew = Crew::Start(options.crew);
  if (!crew.ok()) return crew.status();
  std::vector<SimulationResult> results;
  auto result = SimulateRun(client, **crew, options, *run, out);
  if (!result.ok()) return result.status();
  results.push_back(*std::move(result));
  if (options.compare_policy.empty()) return results;
  SimulateOptions second = options;
  second.on_step = nullptr;
  const auto comparison = MakeComparison(client, options, *run);
  if (!comparison.ok()) return comparison.status();
  result = SimulateRun(client, **crew, second, *comparison, out);
  if (!result.ok()) return result.status();
  results.push_back(*std::move(result));
  return results;
}

std::string SimulationText(const std::vector<SimulationResult>& results) {
  Table table({"policy", "EGR", "expected EGR", "skill gained", "share dealt",
               "rollouts", "run"});
  for (const SimulationResult& result : results) {
    table.AddRow(
        {result.policy,
         absl::StrFormat("%.3f", result.totals.EffectiveGradientRatio()),
         absl::StrFormat("%.3f", result.totals.ExpectedEgr()),
         absl::StrFormat("%.3f", result.skill_gained),
         absl::StrFormat("%.3f", result.ever_dealt_share),
         absl::StrCat(result.rollout_count), result.run_id});
  }
  return absl::StrCat(
      "Rollouts are SIMULATED: a latent skill (logits, from 0) against latent "
      "difficulties,\nno model was run. EGR: share of groups that are not "
      "zero-variance.\n\n",
      table.Text());
}

}  // namespace vade::load
