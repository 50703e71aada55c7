// What a selection costs, against the number of eligible prompts and the size
// of the batch. The state is that of a run in the midst of training.
//
//   vade-selector-benchmark --benchmark_filter=Top
#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/sampling/draw.h"
#include "server/sampling/policy.h"
#include "server/sampling/random.h"
#include "server/sampling/selector.h"

namespace vade::sampling {
namespace {

// Two thirds of the prompts never seen, the others with evidence of a group or
// two, all of it a little faded.
Population MakePool(uint32_t size) {
  RandomStream random(1, 0, 0, Purpose::kDraw);
  Population pool;
  pool.Resize(size);
  for (uint32_t i = 0; i < size; ++i) {
    const double successes = 10 * random.UniformDouble();
    const double weight = i % 3 == 0 ? random.UniformDouble() : 0;
    pool.SetHot(i, {weight * successes, weight * (10 - successes), 0});
    pool.SetFree(i, true);
    pool.SetPass(i, i % 2);
  }
  return pool;
}

// Arguments: eligible prompts, batch size.
void BenchmarkPolicy(benchmark::State& state, const std::string& name) {
  const Population pool = MakePool(static_cast<uint32_t>(state.range(0)));
  const std::unique_ptr<Selector> selector =
      MakeSelector(*FindPolicy(name), 0.5);
  SelectionInput input;
  input.population = &pool;
  input.eligible_count = pool.free_count();
  input.clock = 2;
  input.unselected_decay = 0.999;
  input.max_evidence = 10;
  input.count = static_cast<uint32_t>(state.range(1));
  input.seed = 7;
  for (auto _ : state) {
    ++input.sequence;
    benchmark::DoNotOptimize(selector->Select(input));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void Sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->Unit(benchmark::kMicrosecond);
  for (const int64_t size : {10'000, 100'000, 1'000'000}) {
    benchmark->Args({size, 512});
  }
  benchmark->Args({100'000, 1})->Args({100'000, 4096});
}

BENCHMARK_CAPTURE(BenchmarkPolicy, Top, "vade")->Apply(Sizes);
BENCHMARK_CAPTURE(BenchmarkPolicy, TopOfMeans, "greedy")->Apply(Sizes);
BENCHMARK_CAPTURE(BenchmarkPolicy, Shuffle, "uniform")->Apply(Sizes);

// One draw, by the kind of evidence.
void BenchmarkDraw(benchmark::State& state) {
  const Evidence evidence{static_cast<double>(state.range(0)),
                          static_cast<double>(state.range(1))};
  uint32_t prompt = 0;
  for (auto _ : state) {
    RandomStream random(7, 1, ++prompt, Purpose::kDraw);
    benchmark::DoNotOptimize(DrawBeta(evidence, random));
  }
}
BENCHMARK(BenchmarkDraw)->Args({0, 0})->Args({1, 7})->Args({1000, 1000});

}  // namespace
}  // namespace vade::sampling

BENCHMARK_MAIN();
