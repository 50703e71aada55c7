#include "tests/benchmark/report_mutations.h"

#include <memory>

#include "absl/strings/str_format.h"
#include "client/load/keyed_random.h"
#include "server/sampling/run.h"
#include "server/sampling/settings.h"

namespace vade::benchmarks {
namespace {

constexpr int kWholeBatches = 32;
constexpr int kSplitBatches = 4;
constexpr uint64_t kOrderStream = 7;

std::unique_ptr<sampling::Run> MakeRun(uint64_t prompt_count) {
  storage::RunRecord record;
  record.number = 1;
  record.id = "benchmark";
  record.epoch = 1;
  sampling::SettingsSpec spec;
  spec.group_size = kGroupSize;
  record.settings = *sampling::ResolveSettings(spec, 1);
  std::unique_ptr<sampling::Run> run = *sampling::Run::Create(record);
  sampling::ImportRequest request;
  for (uint64_t i = 0; i < prompt_count; ++i) {
    request.prompts.emplace_back().id = absl::StrFormat("prompt-%07d", i);
    if (request.prompts.size() < sampling::kMaxImportPrompts &&
        i + 1 < prompt_count) {
      continue;
    }
    run->Import(request, absl::UnixEpoch()).IgnoreError();
    request.prompts.clear();
    run->TakeMutation();
  }
  return run;
}

sampling::BatchReport WholeReport(sampling::Run& run, uint32_t batch_size) {
  sampling::SampleRequest request;
  request.batch_size = batch_size;
  request.min_batch_size = batch_size;
  const sampling::SampleResult batch = *run.Sample(request, absl::UnixEpoch());
  run.TakeMutation();
  sampling::BatchReport report;
  report.batch_id = batch.batch_id;
  for (const sampling::SampledPrompt& prompt : batch.prompts) {
    sampling::GroupReport& group = report.groups.emplace_back();
    group.prompt_id = prompt.id;
    for (uint32_t i = 0; i < kGroupSize; ++i) {
      group.rewards.push_back({i, i % 2 == 0 ? 1.0 : 0.0});
    }
  }
  return report;
}

storage::Mutation MutationOf(sampling::Run& run,
                             const sampling::BatchReport& report) {
  run.Report({report}, absl::UnixEpoch()).IgnoreError();
  return run.TakeMutation();
}

std::vector<sampling::BatchReport> SingleReports(
    const sampling::BatchReport& whole) {
  std::vector<sampling::BatchReport> singles;
  for (const sampling::GroupReport& group : whole.groups) {
    for (const sampling::RolloutReward& rollout : group.rewards) {
      sampling::BatchReport& single = singles.emplace_back();
      single.batch_id = whole.batch_id;
      single.groups.push_back({group.prompt_id, {rollout}, {}, false});
    }
  }
  load::KeyedShuffle(load::MixKey({kOrderStream, singles.size()}), singles);
  return singles;
}

}  // namespace

ReportMutations MakeReportMutations(uint64_t prompt_count,
                                    uint32_t batch_size) {
  const std::unique_ptr<sampling::Run> run = MakeRun(prompt_count);
  ReportMutations mutations;
  for (int i = 0; i < kWholeBatches; ++i) {
    const sampling::BatchReport report = WholeReport(*run, batch_size);
    mutations.batches.push_back(MutationOf(*run, report));
  }
  for (int i = 0; i < kSplitBatches; ++i) {
    const sampling::BatchReport report = WholeReport(*run, batch_size);
    for (const sampling::BatchReport& single : SingleReports(report)) {
      mutations.singles.push_back(MutationOf(*run, single));
    }
  }
  return mutations;
}

}  // namespace vade::benchmarks
