#include "server/sampling/run_stats.h"

#include <algorithm>
#include <cmath>

#include "server/sampling/limits.h"
#include "storage/encoding.h"
#include "storage/keys.h"

namespace vade::sampling {
namespace {

// Bucket 1 begins at 2^-7 of a step.
constexpr int kFirstExponent = -8;

enum class GroupClass { kOpen, kFailed, kZeroVariance, kEffective };

GroupClass Classify(const storage::GroupRecord& group) {
  if (group.state != storage::GroupState::kCompleted) return GroupClass::kOpen;
  if (group.rewards == 0) return GroupClass::kFailed;
  return group.varied ? GroupClass::kEffective : GroupClass::kZeroVariance;
}

void Add(storage::SeriesRecord& to, const storage::SeriesRecord& from) {
  to.deals += from.deals;
  to.groups += from.groups;
  to.effective_groups += from.effective_groups;
  to.rollouts += from.rollouts;
  to.successes += from.successes;
  to.expected_effective_groups += from.expected_effective_groups;
}

}  // namespace

int DecileOf(double pass_rate) {
  return std::clamp(static_cast<int>(pass_rate * storage::kDeciles), 0,
                    storage::kDeciles - 1);
}

int IntervalBucketOf(double distance) {
  if (!(distance > 0)) return 0;
  int exponent = 0;
  std::frexp(distance, &exponent);  // distance in [2^(exponent-1), 2^exponent)
  return std::clamp(exponent - 1 - kFirstExponent, 0,
                    storage::kIntervalBuckets - 1);
}

double IntervalBucketStart(int bucket) {
  return bucket == 0 ? 0 : std::ldexp(1.0, bucket + kFirstExponent);
}

void RunStats::CountDeal(double clock, const storage::PromptState& state,
                         const storage::BatchEntry& entry) {
  ++progress_.deals;
  progress_.expected_effective_groups += entry.expected_egr;
  if (state.rollouts > 0 && state.successes == 0) {
    ++progress_.never_solved_deals;
  }
  if (state.deals > 0) {
    const double distance = clock - state.dealt_clock;
    ++progress_.redeal_intervals[IntervalBucketOf(distance)];
    progress_.redeal_interval_sum += distance;
  }
  storage::SeriesRecord& point = PointAt(clock);
  ++point.deals;
  point.expected_effective_groups += entry.expected_egr;
}

void RunStats::CountRollout(const storage::BatchEntry& entry, double success) {
  ++progress_.rollouts;
  progress_.successes += success;
  const double error = entry.mean - success;
  progress_.squared_error += error * error;
  const int decile = DecileOf(entry.mean);
  ++progress_.calibration_rollouts[decile];
  progress_.calibration_predicted[decile] += entry.mean;
  progress_.calibration_successes[decile] += success;
}

void RunStats::CountRollouts(double clock, uint64_t rollouts,
                             double successes) {
  if (rollouts == 0) return;
  storage::SeriesRecord& point = PointAt(clock);
  point.rollouts += rollouts;
  point.successes += successes;
}

void RunStats::CountGroup(double clock, const storage::GroupRecord& before,
                          const storage::GroupRecord& after) {
  const GroupClass was = Classify(before);
  const GroupClass is = Classify(after);
  if (was == is) return;
  const auto counted = [](GroupClass c) {
    return c == GroupClass::kZeroVariance || c == GroupClass::kEffective;
  };
  // Unsigned sums wrap, so that adding the difference also subtracts.
  const uint64_t groups = uint64_t{counted(is)} - uint64_t{counted(was)};
  const uint64_t effective = uint64_t{is == GroupClass::kEffective} -
                             uint64_t{was == GroupClass::kEffective};
  progress_.groups += groups;
  progress_.effective_groups += effective;
  progress_.failed_groups += uint64_t{is == GroupClass::kFailed} -
                             uint64_t{was == GroupClass::kFailed};
  storage::SeriesRecord& point = PointAt(clock);
  point.groups += groups;
  point.effective_groups += effective;
}

storage::SeriesRecord& RunStats::PointAt(double clock) {
  while (clock / progress_.series_width >=
         static_cast<double>(kMaxSeriesPoints)) {
    HalveResolution();
  }
  const size_t bucket =
      static_cast<size_t>(std::max(0.0, clock) / progress_.series_width);
  if (bucket >= series_.size()) {
    series_.resize(bucket + 1);
    dirty_.resize(bucket + 1, true);
  }
  dirty_[bucket] = true;
  return series_[bucket];
}

void RunStats::HalveResolution() {
  std::vector<storage::SeriesRecord> merged((series_.size() + 1) / 2);
  for (size_t i = 0; i < series_.size(); ++i) {
    Add(merged[i / 2], series_[i]);
  }
  series_ = std::move(merged);
  dirty_.assign(series_.size(), true);
  progress_.series_width *= 2;
}

std::vector<SeriesPoint> RunStats::Series() const {
  std::vector<SeriesPoint> points;
  for (size_t i = 0; i < series_.size(); ++i) {
    const double start = static_cast<double>(i) * progress_.series_width;
    points.push_back({start, start + progress_.series_width, series_[i]});
  }
  return points;
}

void RunStats::LoadSeries(uint64_t bucket,
                          const storage::SeriesRecord& record) {
  if (bucket >= kMaxSeriesPoints) return;
  if (bucket >= series_.size()) {
    series_.resize(bucket + 1);
    dirty_.resize(bucket + 1, false);
  }
  series_[bucket] = record;
  stored_points_ = std::max(stored_points_, series_.size());
}

void RunStats::Flush(storage::Mutation& mutation) {
  for (size_t i = 0; i < series_.size(); ++i) {
    if (!dirty_[i]) continue;
    const std::string key = storage::SeriesKey(run_number_, i);
    mutation.Put(key, storage::Encode(key, series_[i]));
    dirty_[i] = false;
  }
  for (size_t i = series_.size(); i < stored_points_; ++i) {
    mutation.Delete(storage::SeriesKey(run_number_, i));
  }
  stored_points_ = series_.size();
}

}  // namespace vade::sampling
