// What the benchmarks of calls share: a server that is measured, the calls
// they load it with, and the requests of one rollout each.
#ifndef VADE_TESTS_BENCHMARK_SUBJECTS_H_
#define VADE_TESTS_BENCHMARK_SUBJECTS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/client.h"
#include "client/load/server_process.h"
#include "tests/benchmark/call_load.h"

namespace vade::benchmarks {

inline constexpr char kRunId[] = "benchmark";

// Connections that a load is spread over.
inline constexpr int kConnections = 8;

// A server in a process of its own, with a client for what is not timed.
// Thread-compatible.
struct Subject {
  std::unique_ptr<load::ServerProcess> server;
  std::unique_ptr<client::Client> client;
  std::unique_ptr<Connections> connections;
};

// Starts `program` with its files in `folder`, which need not be there.
absl::StatusOr<Subject> StartSubject(const std::string& program,
                                     const std::string& folder,
                                     const std::vector<std::string>& flags);

// Makes the run `kRunId` with so many prompts.
absl::Status MakePrompts(client::Client& client, uint64_t prompt_count);

// SampleBatch calls; what they sampled is put into `batches`.
absl::StatusOr<LoadFigures> LoadSampling(
    Connections& connections, uint32_t batch_size, const LoadShape& shape,
    std::vector<api::SampleBatchResponse>& batches);

// Gives batches back.
absl::Status ReleaseAll(Connections& connections,
                        const std::vector<std::string>& batch_ids);

// Samples so many batches.
absl::StatusOr<std::vector<api::SampleBatchResponse>> SampleBatches(
    client::Client& client, uint32_t batch_size, uint64_t batch_count);
std::vector<std::string> BatchIds(
    const std::vector<api::SampleBatchResponse>& batches);

// ReportRewards calls, each of one rollout of `batches`, every rollout once,
// in a shuffled order; the load ends with the rollouts.
absl::StatusOr<LoadFigures> LoadSingleReports(
    Connections& connections,
    const std::vector<api::SampleBatchResponse>& batches,
    const LoadShape& shape);

// ReportRewards calls, each of all rollouts of a batch, half of them solved.
absl::StatusOr<LoadFigures> LoadBatchReports(
    Connections& connections,
    const std::vector<api::SampleBatchResponse>& batches,
    const LoadShape& shape);

}  // namespace vade::benchmarks

#endif  // VADE_TESTS_BENCHMARK_SUBJECTS_H_
