// RunStats: what a run counts while it works. The totals live in the run's
// RunProgress record; this class keeps them, and the series over the run's
// clock, in step with deals, rollouts and groups. Owned by a Run;
// thread-compatible.
#ifndef VADE_SERVER_SAMPLING_RUN_STATS_H_
#define VADE_SERVER_SAMPLING_RUN_STATS_H_

#include <cstdint>
#include <vector>

#include "server/sampling/requests.h"
#include "storage/mutation.h"
#include "storage/types.h"

namespace vade::sampling {

class RunStats {
 public:
  // Keeps its totals in `progress`, which outlives it.
  RunStats(uint32_t run_number, storage::RunProgress& progress)
      : run_number_(run_number), progress_(progress) {}

  // A prompt is dealt at `clock`; `state` is from before the deal.
  void CountDeal(double clock, const storage::PromptState& state,
                 const storage::BatchEntry& entry);
  // A new rollout of a group earned `success`.
  void CountRollout(const storage::BatchEntry& entry, double success);
  // All new rollouts of a report for a group of a batch dealt at `clock`.
  void CountRollouts(double clock, uint64_t rollouts, double successes);
  // A group of a batch dealt at `clock` went from `before` to `after`.
  void CountGroup(double clock, const storage::GroupRecord& before,
                  const storage::GroupRecord& after);

  std::vector<SeriesPoint> Series() const;

  // While loading: the series, bucket by bucket.
  void LoadSeries(uint64_t bucket, const storage::SeriesRecord& record);
  // Adds the changed points of the series.
  void Flush(storage::Mutation& mutation);

 private:
  storage::SeriesRecord& PointAt(double clock);
  void HalveResolution();

  const uint32_t run_number_;
  storage::RunProgress& progress_;
  std::vector<storage::SeriesRecord> series_;
  std::vector<bool> dirty_;
  size_t stored_points_ = 0;  // in the store, from bucket 0 on
};

// Which decile a pass rate in [0, 1] falls in.
int DecileOf(double pass_rate);
// Which bucket of RunProgress::redeal_intervals a clock distance falls in,
// and where bucket k begins.
int IntervalBucketOf(double distance);
double IntervalBucketStart(int bucket);

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_RUN_STATS_H_
