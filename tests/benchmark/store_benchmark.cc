// Speeds of the store: encoding of hot records, writes by sync mode and size
// of the mutation, and the scan that a start is made of.
#include <algorithm>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "benchmark/benchmark.h"
#include "storage/encoding.h"
#include "storage/rocksdb_store.h"
#include "tests/storage/temp_folder.h"

namespace vade::storage {
namespace {

PromptState SampleState(uint32_t prompt) {
  PromptState state;
  state.alpha = 1.02;
  state.beta = 8.68;
  state.evidence_clock = 1000.5;
  state.evidence_sequence = 1000;
  state.dealt_sequence = 1001;
  state.dealt_clock = 1001;
  state.dealt_position = prompt % 512;
  state.deals = 100;
  state.rollouts = 800;
  state.successes = 300;
  return state;
}

std::unique_ptr<Store> MustOpen(const RocksDbOptions& options) {
  auto store = OpenRocksDbStore(options);
  if (!store.ok()) {
    std::cerr << store.status() << "\n";
    std::abort();
  }
  return *std::move(store);
}

void MustWrite(Store& store, const Mutation& mutation) {
  if (const absl::Status status = store.Write(mutation); !status.ok()) {
    std::cerr << status << "\n";
    std::abort();
  }
}

void EncodePromptState(benchmark::State& state) {
  const PromptState record = SampleState(7);
  const std::string key = PromptStateKey(1, 7);
  for (auto _ : state) benchmark::DoNotOptimize(Encode(key, record));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(EncodePromptState);

void DecodePromptState(benchmark::State& state) {
  const std::string key = PromptStateKey(1, 7);
  const std::string value = Encode(key, SampleState(7));
  for (auto _ : state) {
    benchmark::DoNotOptimize(storage::DecodePromptState(key, value));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(DecodePromptState);

void EncodeMebibytePayload(benchmark::State& state) {
  const std::string key = PayloadKey(1, 7);
  const std::string payload(size_t{1} << 20, 'v');
  for (auto _ : state) benchmark::DoNotOptimize(EncodePayload(key, payload));
  state.SetBytesProcessed(state.iterations() *
                          static_cast<int64_t>(payload.size()));
}
BENCHMARK(EncodeMebibytePayload);

// Mutations of range(1) prompt states, overwriting a million prompts in turn.
void WritePromptStates(benchmark::State& state) {
  const TempFolder folder;
  RocksDbOptions options;
  options.path = folder / "store";
  options.sync = static_cast<SyncMode>(state.range(0));
  const std::unique_ptr<Store> store = MustOpen(options);
  const auto records = static_cast<uint32_t>(state.range(1));
  uint32_t prompt = 0;
  for (auto _ : state) {
    Mutation mutation;
    for (uint32_t i = 0; i < records; ++i) {
      prompt = (prompt + 7919) % 1'000'000;
      std::string key = PromptStateKey(1, prompt);
      std::string value = Encode(key, SampleState(prompt));
      mutation.Put(std::move(key), std::move(value));
    }
    MustWrite(*store, mutation);
  }
  state.SetItemsProcessed(state.iterations() * records);
}
BENCHMARK(WritePromptStates)
    ->ArgNames({"sync", "records"})
    ->ArgsProduct({{static_cast<int>(SyncMode::kAlways),
                    static_cast<int>(SyncMode::kInterval),
                    static_cast<int>(SyncMode::kNever)},
                   {1, 512}})
    ->UseRealTime();

// Opens a store of range(0) prompt states and reads and decodes them all.
void LoadPromptStates(benchmark::State& state) {
  const TempFolder folder;
  RocksDbOptions options;
  options.path = folder / "store";
  options.sync = SyncMode::kNever;
  const auto prompts = static_cast<uint32_t>(state.range(0));
  {
    const std::unique_ptr<Store> store = MustOpen(options);
    for (uint32_t prompt = 0; prompt < prompts;) {
      Mutation mutation;
      const uint32_t end = std::min(prompt + 10'000, prompts);
      for (; prompt < end; ++prompt) {
        std::string key = PromptStateKey(1, prompt);
        std::string value = Encode(key, SampleState(prompt));
        mutation.Put(std::move(key), std::move(value));
      }
      MustWrite(*store, mutation);
    }
  }
  for (auto _ : state) {
    const std::unique_ptr<Store> store = MustOpen(options);
    const KeyRange range = RunRange(Table::kPromptState, 1);
    const std::unique_ptr<Cursor> cursor = store->Scan(range.begin, range.end);
    uint32_t read = 0;
    for (; cursor->Valid(); cursor->Next()) {
      if (!ParseKey(cursor->key()).ok() ||
          !storage::DecodePromptState(cursor->key(), cursor->value()).ok()) {
        std::abort();
      }
      ++read;
    }
    if (read != prompts) std::abort();
  }
  state.SetItemsProcessed(state.iterations() * prompts);
}
BENCHMARK(LoadPromptStates)
    ->Arg(1'000'000)
    ->Arg(10'000'000)
    ->Iterations(2)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace vade::storage

BENCHMARK_MAIN();
