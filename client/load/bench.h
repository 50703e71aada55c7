// The figures of a server of our own: sampling, reporting, importing, loading,
// memory. What is measured is the API from a client on the same machine, with
// the server's --sync=always.
#ifndef VADE_CLIENT_LOAD_BENCH_H_
#define VADE_CLIENT_LOAD_BENCH_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "client/load/measure.h"
#include "client/load/server_process.h"

namespace vade::load {

struct BenchOptions {
  ServerProcessOptions server;
  // Of the run that is sampled and reported to, and of the one that is
  // imported and loaded.
  uint64_t prompt_count = 100'000;
  uint64_t import_count = 1'000'000;
  uint32_t batch_size = 512;
  uint64_t sample_calls = 500;
  uint64_t report_batches = 150;
  // Single rollouts are sent by this many workers.
  uint32_t single_workers = 64;
  uint64_t single_batches = 10;
};

// Runs all; `on_figure` gets each figure as it comes. Errors: those of the
// server and of the calls.
absl::Status RunBench(const BenchOptions& options,
                      const std::function<void(const Figure&)>& on_figure);

// What many prompts cost: a run of them is imported, the server is killed and
// loads them again, and each of them is dealt and reported once.
struct ScaleOptions {
  ServerProcessOptions server;
  uint64_t prompt_count = 10'000'000;
  bool deal = true;
};

// Seconds, and the server's memory after each part, in all and a prompt.
absl::Status RunScale(const ScaleOptions& options,
                      const std::function<void(const Figure&)>& on_figure);

}  // namespace vade::load

#endif  // VADE_CLIENT_LOAD_BENCH_H_
