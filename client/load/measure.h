// Plain load on a running server, and what it measured: latencies and rates,
// as figures with name, value and unit.
#ifndef VADE_CLIENT_LOAD_MEASURE_H_
#define VADE_CLIENT_LOAD_MEASURE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"

namespace vade::load {

struct Figure {
  std::string name;
  double value = 0;
  std::string unit;
  // What it was measured on.
  std::vector<std::pair<std::string, double>> context;
};

// One JSON object: name, value, unit, and the context's entries.
std::string FigureJson(const Figure& figure);

// The value at or below which this share of `sorted` lies, by the nearest
// rank; 0 of none. `share` in (0, 1].
double Percentile(const std::vector<double>& sorted, double share);

struct LoadOptions {
  std::string address;
  std::string run_id;
  // Threads that call at once.
  uint32_t worker_count = 4;
  uint32_t batch_size = 512;
  // Batches in all.
  uint64_t batch_count = 200;
};

// Each function returns its figures, or the first error of a call. The run
// must have enough prompts: MeasureSampling one batch a worker, the two that
// report `batch_count` batches, MeasureMixed one batch a worker.

// SampleBatch alone: latencies; every batch is released again, not timed.
absl::StatusOr<std::vector<Figure>> MeasureSampling(const LoadOptions& options);

// Reports of whole batches, sampled before: durable rollouts a second.
absl::StatusOr<std::vector<Figure>> MeasureBatchReports(
    const LoadOptions& options);

// Reports of single rollouts of batches sampled before, in shuffled order:
// durable reports a second.
absl::StatusOr<std::vector<Figure>> MeasureSingleReports(
    const LoadOptions& options);

// Every worker samples a batch and reports it whole, `batch_count` batches in
// all, the last ones smaller if too few prompts are left.
absl::StatusOr<std::vector<Figure>> MeasureDealing(const LoadOptions& options);

// Every worker samples a batch and reports it, over and over, until the time
// is over.
absl::StatusOr<std::vector<Figure>> MeasureMixed(const LoadOptions& options,
                                                 absl::Duration duration);

}  // namespace vade::load

#endif  // VADE_CLIENT_LOAD_MEASURE_H_
