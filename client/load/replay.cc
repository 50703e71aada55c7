#include "client/load/replay.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cpp/clock.h"
#include "client/load/progress.h"
#include "client/load/run_setup.h"
#include "client/load/table.h"
#include "client/load/training.h"

namespace vade::load {
namespace {

namespace api = client::api;

constexpr uint64_t kLateSteps = 5 * kTraceStepsPerEpoch;

// How far the run's posterior means are from the trace's pass rates.
absl::Status MeasureErrors(client::Client& client, const std::string& run_id,
                           const Trace& trace, uint32_t epoch,
                           ReplayResult& result) {
  double error_all = 0;
  double error_dealt = 0;
  uint64_t all = 0;
  uint64_t dealt = 0;
  api::ExportPromptsRequest request;
  request.set_run(client::RunName(run_id));
  absl::Status exported = client.ExportPrompts(
      request, [&](const api::ExportPromptsResponse& chunk) {
        for (const api::Prompt& prompt : chunk.prompts()) {
          const auto pass_rate = trace.PassRateAt(prompt.id(), epoch);
          if (!pass_rate.ok()) return pass_rate.status();
          const double error = std::abs(prompt.posterior_mean() - *pass_rate);
          error_all += error;
          ++all;
          if (prompt.deal_count() == 0) continue;
          error_dealt += error;
          ++dealt;
        }
        return absl::OkStatus();
      });
  if (!exported.ok()) return exported;
  result.error_all = all == 0 ? 0 : error_all / static_cast<double>(all);
  result.error_dealt =
      dealt == 0 ? 0 : error_dealt / static_cast<double>(dealt);
  return absl::OkStatus();
}

absl::StatusOr<ReplayResult> ReplayRun(client::Client& client, Crew& crew,
                                       const Trace& trace,
                                       const ReplayOptions& options,
                                       const RunSettings& settings,
                                       std::FILE* progress_out) {
  const auto run = MakeRun(client, settings);
  if (!run.ok()) return run.status();
  absl::Status imported =
      ImportPromptIds(client, settings.run_id, trace.prompt_ids());
  if (!imported.ok()) return imported;
  const absl::Time start = client::SystemClock().Now();
  Progress progress(
      absl::StrCat("[replay] ", settings.policy, " seed ", settings.seed),
      options.steps, progress_out, client::SystemClock());
  const auto records =
      Train(client, crew, SimulatedLearner({}),
            {.run_id = settings.run_id,
             .steps = options.steps,
             .batch_size = kTraceBatchSize,
             .seed = settings.seed},
            [&progress](const StepRecord& record) { progress.Show(record); });
  if (!records.ok()) return records.status();
  ReplayResult result = {.policy = settings.policy, .seed = settings.seed};
  result.seconds = absl::ToDoubleSeconds(client::SystemClock().Now() - start);
  const uint64_t late =
      options.steps > kLateSteps ? options.steps - kLateSteps : 0;
  result.egr = TotalsFrom(*records, 0).EffectiveGradientRatio();
  result.late_egr = TotalsFrom(*records, late).EffectiveGradientRatio();
  const uint64_t last_step = std::max<uint64_t>(options.steps, 1) - 1;
  absl::Status measured = MeasureErrors(
      client, settings.run_id, trace,
      static_cast<uint32_t>(last_step / kTraceStepsPerEpoch), result);
  if (!measured.ok()) return measured;
  api::GetRunStatsRequest request;
  request.set_run(client::RunName(settings.run_id));
  const auto stats = client.GetRunStats(request);
  if (!stats.ok()) return stats.status();
  result.ever_dealt_share = stats->ever_dealt_share();
  result.rollout_count = stats->rollout_count();
  if (options.keep_runs) return result;
  api::DeleteRunRequest deletion;
  deletion.set_name(client::RunName(settings.run_id));
  absl::Status deleted = client.DeleteRun(deletion);
  if (!deleted.ok()) return deleted;
  return result;
}

// "0.412 ± 0.003" of one figure over the seeds.
std::string MeanText(const std::vector<const ReplayResult*>& results,
                     double ReplayResult::*figure) {
  double sum = 0;
  for (const ReplayResult* result : results) sum += result->*figure;
  const double mean = sum / static_cast<double>(results.size());
  double squares = 0;
  for (const ReplayResult* result : results) {
    squares += (result->*figure - mean) * (result->*figure - mean);
  }
  const size_t freedom = std::max<size_t>(results.size(), 2) - 1;
  return absl::StrFormat("%.3f ± %.3f", mean,
                         std::sqrt(squares / static_cast<double>(freedom)));
}

}  // namespace

absl::StatusOr<std::vector<ReplayResult>> Replay(client::Client& client,
                                                 const ReplayOptions& options,
                                                 std::FILE* progress_out,
                                                 std::FILE* json_out) {
  const auto trace = Trace::ReadFile(options.crew.worker.trace_path);
  if (!trace.ok()) return trace.status();
  const auto crew = Crew::Start(options.crew);
  if (!crew.ok()) return crew.status();
  std::vector<ReplayResult> results;
  for (const std::string& policy : options.policies) {
    for (uint64_t seed = 1; seed <= options.seed_count; ++seed) {
      const RunSettings settings = {
          .run_id = absl::StrCat(options.run_prefix, "-", policy, "-", seed),
          .policy = policy,
          .seed = seed,
          .group_size = kTraceGroupSize};
      auto result =
          ReplayRun(client, **crew, *trace, options, settings, progress_out);
      if (!result.ok()) return result.status();
      if (json_out != nullptr) {
        absl::FPrintF(json_out, "%s\n", ReplayJson(*result));
        std::fflush(json_out);
      }
      results.push_back(*std::move(result));
    }
  }
  return results;
}

std::string ReplayText(const std::vector<ReplayResult>& results) {
  Table table({"policy", "EGR", "EGR, last 5 epochs", "error, all",
               "error, dealt", "ever dealt", "rollouts"});
  for (size_t i = 0; i < results.size();) {
    std::vector<const ReplayResult*> seeds;
    const std::string& policy = results[i].policy;
    uint64_t rollouts = 0;
    for (; i < results.size() && results[i].policy == policy; ++i) {
      seeds.push_back(&results[i]);
      rollouts += results[i].rollout_count;
    }
    table.AddRow({policy, MeanText(seeds, &ReplayResult::egr),
                  MeanText(seeds, &ReplayResult::late_egr),
                  MeanText(seeds, &ReplayResult::error_all),
                  MeanText(seeds, &ReplayResult::error_dealt),
                  MeanText(seeds, &ReplayResult::ever_dealt_share),
                  absl::StrCat(rollouts / seeds.size())});
  }
  return absl::StrCat(
      "Mean ± standard deviation over the seeds. EGR: share of groups that are "
      "not zero-variance.\nError: mean |posterior mean - pass rate of the "
      "trace| at the end, over all prompts and over\nthose dealt. Rollouts: "
      "counted by the server, a run.\n\n",
      table.Text());
}

std::string ReplayJson(const ReplayResult& result) {
  return nlohmann::json({{"policy", result.policy},
                         {"seed", result.seed},
                         {"egr", result.egr},
                         {"egr_last_5_epochs", result.late_egr},
                         {"mean_absolute_error_all", result.error_all},
                         {"mean_absolute_error_dealt", result.error_dealt},
                         {"ever_dealt_share", result.ever_dealt_share},
                         {"rollouts", result.rollout_count},
                         {"seconds", result.seconds}})
      .dump();
}

}  // namespace vade::load
