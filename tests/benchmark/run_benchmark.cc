// What the state machine of a run costs, without gRPC and without a disk:
// sampling, reports of whole batches and of single rollouts, bytes a prompt.
//
//   vade-run-benchmark --benchmark_filter=Report
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/sampling/run.h"
#include "server/sampling/settings.h"

namespace vade::sampling {
namespace {

constexpr uint32_t kBatchSize = 512;

// One prompt in a hundred has the part "7"; those of a part have one of
// `levels` levels.
Labels LabelsOf(uint32_t prompt, uint32_t levels) {
  return {{"level", absl::StrCat(prompt / 100 % levels)},
          {"part", absl::StrCat(prompt % 100)}};
}

// No labels if `levels` is 0.
std::unique_ptr<Run> MakeRun(uint32_t prompts, uint32_t levels = 0) {
  storage::RunRecord record;
  record.number = 1;
  record.id = "benchmark";
  record.epoch = 1;
  record.settings = *ResolveSettings(SettingsSpec(), 1);
  std::unique_ptr<Run> run = *Run::Create(record);
  ImportRequest request;
  for (uint32_t i = 0; i < prompts; ++i) {
    PromptSpec& spec = request.prompts.emplace_back();
    spec.id = absl::StrCat("prompt-", i);
    if (levels > 0) spec.labels = LabelsOf(i, levels);
    if (request.prompts.size() < kMaxImportPrompts && i + 1 < prompts) continue;
    run->Import(request, absl::UnixEpoch()).IgnoreError();
    request.prompts.clear();
    run->TakeMutation();
  }
  return run;
}

SampleResult Sample(Run& run, const LabelFilter& filter = {}) {
  SampleRequest request;
  request.filter = filter;
  request.batch_size = kBatchSize;
  request.min_batch_size = kBatchSize;
  return *run.Sample(request, absl::UnixEpoch());
}

// A report of every rollout of `batch`; about a third of them succeed.
BatchReport FullReport(const SampleResult& batch) {
  BatchReport report;
  report.batch_id = batch.batch_id;
  for (const SampledPrompt& prompt : batch.prompts) {
    GroupReport& group = report.groups.emplace_back();
    group.prompt_id = prompt.id;
    for (uint32_t i = 0; i < batch.group_size; ++i) {
      group.rewards.push_back({i, (prompt.index + i) % 3 == 0 ? 1.0 : 0.0});
    }
  }
  return report;
}

void BenchmarkSample(benchmark::State& state) {
  const std::unique_ptr<Run> run =
      MakeRun(static_cast<uint32_t>(state.range(0)));
  for (auto _ : state) {
    const SampleResult batch = Sample(*run);
    state.PauseTiming();
    run->Release(batch.batch_id, {}, absl::UnixEpoch()).IgnoreError();
    run->TakeMutation();
    state.ResumeTiming();
  }
}
BENCHMARK(BenchmarkSample)
    ->Arg(100'000)
    ->Arg(1'000'000)
    ->Arg(10'000'000)
    ->Unit(benchmark::kMillisecond);

// With a filter that one prompt in a hundred matches. Arguments: prompts, sets
// of labels that match.
void BenchmarkFilteredSample(benchmark::State& state) {
  const std::unique_ptr<Run> run =
      MakeRun(static_cast<uint32_t>(state.range(0)),
              static_cast<uint32_t>(state.range(1)));
  const LabelFilter filter = {{"part", {"7"}}};
  // The first call makes the lists.
  SampleResult batch = Sample(*run, filter);
  for (auto _ : state) {
    state.PauseTiming();
    run->Release(batch.batch_id, {}, absl::UnixEpoch()).IgnoreError();
    run->TakeMutation();
    state.ResumeTiming();
    batch = Sample(*run, filter);
  }
}
BENCHMARK(BenchmarkFilteredSample)
    ->Args({1'000'000, 1})
    ->Args({10'000'000, 1})
    ->Args({10'000'000, 20})
    ->Unit(benchmark::kMillisecond);

// Items are rollouts. The argument is how many batches are in flight: what is
// known of the oldest is in no cache if they are many.
void BenchmarkFullReport(benchmark::State& state) {
  const std::unique_ptr<Run> run = MakeRun(100'000);
  const size_t in_flight = static_cast<size_t>(state.range(0));
  std::deque<std::vector<BatchReport>> reports;
  for (auto _ : state) {
    state.PauseTiming();
    do {
      reports.push_back({FullReport(Sample(*run))});
      run->TakeMutation();
    } while (reports.size() < in_flight);
    state.ResumeTiming();
    run->Report(reports.front(), absl::UnixEpoch()).IgnoreError();
    benchmark::DoNotOptimize(run->TakeMutation());
    reports.pop_front();
  }
  state.SetItemsProcessed(state.iterations() * kBatchSize * 8);
}
BENCHMARK(BenchmarkFullReport)->Arg(1)->Arg(32)->Unit(benchmark::kMicrosecond);

void BenchmarkSingleRollout(benchmark::State& state) {
  const std::unique_ptr<Run> run = MakeRun(100'000);
  std::vector<std::vector<BatchReport>> singles;
  size_t next = 0;
  for (auto _ : state) {
    if (next == singles.size()) {
      state.PauseTiming();
      singles.clear();
      next = 0;
      for (const GroupReport& group : FullReport(Sample(*run)).groups) {
        for (const RolloutReward& rollout : group.rewards) {
          BatchReport report;
          report.batch_id = absl::StrCat("1-", run->Info().batches);
          report.groups = {{group.prompt_id, {rollout}, {}, false}};
          singles.push_back({report});
        }
      }
      run->TakeMutation();
      state.ResumeTiming();
    }
    run->Report(singles[next++], absl::UnixEpoch()).IgnoreError();
    benchmark::DoNotOptimize(run->TakeMutation());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BenchmarkSingleRollout);

// Heap bytes a prompt, ids of 13 bytes, no payloads, no labels.
void BenchmarkMemory(benchmark::State& state) {
  const uint32_t prompts = static_cast<uint32_t>(state.range(0));
  for (auto _ : state) {
    const struct mallinfo2 before = mallinfo2();
    const std::unique_ptr<Run> run = MakeRun(prompts);
    malloc_trim(0);
    const struct mallinfo2 after = mallinfo2();
    const double bytes = static_cast<double>(after.uordblks + after.hblkhd) -
                         static_cast<double>(before.uordblks + before.hblkhd);
    state.counters["bytes_per_prompt"] = bytes / prompts;
  }
}
BENCHMARK(BenchmarkMemory)
    ->Arg(1'000'000)
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace vade::sampling

BENCHMARK_MAIN();
