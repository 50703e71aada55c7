// What reports change in the store: the records themselves, made by the engine
// in this process, so that another store can be given the same to write.
#ifndef VADE_TESTS_BENCHMARK_REPORT_MUTATIONS_H_
#define VADE_TESTS_BENCHMARK_REPORT_MUTATIONS_H_

#include <cstdint>
#include <vector>

#include "storage/mutation.h"

namespace vade::benchmarks {

inline constexpr uint32_t kGroupSize = 8;

struct ReportMutations {
  // Each of a report of all rollouts of a batch.
  std::vector<storage::Mutation> batches;
  // Each of a report of one rollout, in a shuffled order.
  std::vector<storage::Mutation> singles;
};

// Of a run of so many prompts; 32 batches, and the single rollouts of 4 more.
ReportMutations MakeReportMutations(uint64_t prompt_count, uint32_t batch_size);

}  // namespace vade::benchmarks

#endif  // VADE_TESTS_BENCHMARK_REPORT_MUTATIONS_H_
