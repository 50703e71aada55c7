// RunStats: totals as counted, and the shares and means that follow from them.
#include <cmath>
#include <limits>

#include "google/protobuf/util/time_util.h"
#include "server/messages.h"
#include "server/resource_names.h"

namespace vade::server {
namespace {

namespace api = sampler::v1;

// 0 of nothing is 0.
double Share(double part, double whole) { return whole > 0 ? part / whole : 0; }

void FillTotals(const storage::RunProgress& totals, api::RunStats& stats) {
  stats.set_batch_count(totals.batches);
  stats.set_deal_count(totals.deals);
  stats.set_rollout_count(totals.rollouts);
  stats.set_failed_rollout_count(totals.failed_rollouts);
  stats.set_duplicate_rollout_count(totals.duplicate_rollouts);
  stats.set_late_rollout_count(totals.late_rollouts);
  stats.set_superseded_rollout_count(totals.superseded_rollouts);
  stats.set_expired_group_count(totals.expired_groups);
  stats.set_released_group_count(totals.released_groups);
  stats.set_failed_group_count(totals.failed_groups);
  stats.set_group_count(totals.groups);
  stats.set_effective_group_count(totals.effective_groups);

  const auto rollouts = static_cast<double>(totals.rollouts);
  const auto deals = static_cast<double>(totals.deals);
  stats.set_effective_gradient_ratio(
      Share(static_cast<double>(totals.effective_groups),
            static_cast<double>(totals.groups)));
  stats.set_expected_egr(Share(totals.expected_effective_groups, deals));
  stats.set_mean_pass_rate(Share(totals.successes, rollouts));
  stats.set_brier_score(Share(totals.squared_error, rollouts));
  stats.set_never_solved_deal_share(
      Share(static_cast<double>(totals.never_solved_deals), deals));
}

void FillCalibration(const storage::RunProgress& totals, api::RunStats& stats) {
  for (int i = 0; i < storage::kDeciles; ++i) {
    api::CalibrationBin& bin = *stats.add_calibration();
    const auto rollouts = static_cast<double>(totals.calibration_rollouts[i]);
    bin.set_rollout_count(totals.calibration_rollouts[i]);
    bin.set_predicted_pass_rate(
        Share(totals.calibration_predicted[i], rollouts));
    bin.set_observed_pass_rate(
        Share(totals.calibration_successes[i], rollouts));
  }
}

void FillHistogram(const sampling::RunStatsInfo& info, api::RunStats& stats) {
  for (int i = 0; i < sampling::kPassRateBins; ++i) {
    api::HistogramBin& bin = *stats.add_pass_rate_histogram();
    bin.set_start(static_cast<double>(i) / sampling::kPassRateBins);
    bin.set_end(static_cast<double>(i + 1) / sampling::kPassRateBins);
    bin.set_count(info.pass_rates[i]);
  }
}

// Buckets as storage/types.h gives them; the first and the last are open.
void FillIntervals(const storage::RunProgress& totals, api::RunStats& stats) {
  constexpr int kLast = storage::kIntervalBuckets - 1;
  uint64_t redeals = 0;
  for (int k = 0; k <= kLast; ++k) {
    api::HistogramBin& bin = *stats.add_redeal_intervals();
    bin.set_start(k == 0 ? 0 : std::ldexp(1.0, k - 8));
    bin.set_end(k == kLast ? std::numeric_limits<double>::infinity()
                           : std::ldexp(1.0, k - 7));
    bin.set_count(totals.redeal_intervals[k]);
    redeals += totals.redeal_intervals[k];
  }
  stats.set_mean_redeal_interval(
      Share(totals.redeal_interval_sum, static_cast<double>(redeals)));
}

void FillSeries(const sampling::RunStatsInfo& info, api::RunStats& stats) {
  for (const sampling::SeriesPoint& point : info.series) {
    api::SeriesPoint& message = *stats.add_series();
    message.set_start_clock(point.start_clock);
    message.set_end_clock(point.end_clock);
    message.set_deal_count(point.counts.deals);
    message.set_group_count(point.counts.groups);
    message.set_effective_group_count(point.counts.effective_groups);
    message.set_rollout_count(point.counts.rollouts);
    message.set_success_sum(point.counts.successes);
    message.set_expected_effective_group_sum(
        point.counts.expected_effective_groups);
  }
}

void FillLabels(const sampling::RunStatsInfo& info, api::RunStats& stats) {
  const auto prompts = static_cast<double>(info.run.prompts);
  const auto deals = static_cast<double>(info.totals.deals);
  for (const sampling::LabelShare& share : info.labels) {
    api::LabelShare& message = *stats.add_labels();
    message.set_key(share.key);
    message.set_value(share.value);
    message.set_prompt_count(share.prompts);
    message.set_deal_count(share.deals);
    message.set_pool_share(Share(static_cast<double>(share.prompts), prompts));
    message.set_deal_share(Share(static_cast<double>(share.deals), deals));
    message.set_ever_dealt_share(Share(static_cast<double>(share.ever_dealt),
                                       static_cast<double>(share.prompts)));
  }
  stats.set_omitted_label_count(info.omitted_labels);
}

}  // namespace

void Fill(const sampling::RunStatsInfo& info, absl::Time now,
          api::RunStats& stats) {
  stats.set_run(RunName(info.run.record.id));
  *stats.mutable_time() =
      google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(
          absl::ToUnixMicros(now));
  stats.set_clock(info.run.clock);
  stats.set_prompt_count(info.run.prompts);
  stats.set_disabled_prompt_count(info.run.disabled);
  stats.set_in_flight_prompt_count(info.run.in_flight);
  stats.set_in_flight_batch_count(info.in_flight_batches);
  FillTotals(info.totals, stats);
  FillCalibration(info.totals, stats);
  FillHistogram(info, stats);
  FillIntervals(info.totals, stats);
  FillSeries(info, stats);
  FillLabels(info, stats);

  const auto prompts = static_cast<double>(info.run.prompts);
  stats.set_ever_dealt_share(
      Share(static_cast<double>(info.ever_dealt), prompts));
  stats.set_recently_dealt_share(
      Share(static_cast<double>(info.recently_dealt), prompts));
  stats.set_never_solved_prompt_count(info.never_solved);
}

}  // namespace vade::server
