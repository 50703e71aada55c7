// Statistics of a run: what is counted, how it is shown, that it survives.
#include "server/sampling/run_stats.h"

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/sampling/limits.h"
#include "tests/catch.h"
#include "tests/engine/run_fixture.h"

namespace vade::sampling {
namespace {

const std::vector<double> kSolved(8, 1);
const std::vector<double> kUnsolved(8, 0);
const std::vector<double> kHalf = {1, 0, 1, 0, 1, 0, 1, 0};

PromptSpec Prompt(const std::string& id, Evidence evidence) {
  PromptSpec spec;
  spec.id = id;
  spec.evidence = evidence;
  return spec;
}

TEST_CASE("The effective gradient ratio counts groups that vary", "[unit]") {
  RunFixture f;
  f.Import(4);
  const SampleResult batch = f.Sample(4);
  f.Report(batch.batch_id, "p0", kSolved);
  f.Report(batch.batch_id, "p1", kHalf);
  f.Report(batch.batch_id, "p2", kUnsolved);
  f.ReportFailed(batch.batch_id, "p3", {0, 1}, true);
  const storage::RunProgress totals = f.Totals();
  CHECK(totals.groups == 3);
  CHECK(totals.effective_groups == 1);
  CHECK(totals.failed_groups == 1);
  CHECK(totals.rollouts == 24);
  CHECK(totals.failed_rollouts == 2);
  CHECK(totals.successes == 12);
  CHECK(totals.deals == 4);
  CHECK(totals.expected_effective_groups == Approx(4 * 7.0 / 9));
}

TEST_CASE("A group that varies only late becomes effective late", "[unit]") {
  RunFixture f;
  f.Import(1);
  const SampleResult batch = f.Sample(1);
  f.Report(batch.batch_id, "p0", {1, 1}, true);
  CHECK(f.Totals().groups == 1);
  CHECK(f.Totals().effective_groups == 0);
  f.Report(batch.batch_id, "p0", {1, 1, 0});
  CHECK(f.Totals().groups == 1);
  CHECK(f.Totals().effective_groups == 1);
}

TEST_CASE("The Brier sum compares each success with the mean at the deal",
          "[unit]") {
  SettingsSpec spec;
  spec.group_size = 2;
  RunFixture f(spec);
  f.ImportOne(Prompt("p0", {2, 0}));  // mean 3/4
  const SampleResult batch = f.Sample(1);
  f.Report(batch.batch_id, "p0", {1});
  f.Report(batch.batch_id, "p0", {1, 0});
  CHECK(f.Totals().squared_error == Approx(0.0625 + 0.5625));
}

TEST_CASE("Calibration goes by the decile of the mean at the deal", "[unit]") {
  RunFixture f;
  f.ImportOne(Prompt("low", {0.5, 8.5}));  // 1.5 / 11
  f.ImportOne(Prompt("high", {17, 1}));    // 18 / 20
  f.ImportOne(Prompt("top", {1e6, 0}));
  const SampleResult batch = f.Sample(3);
  for (const SampledPrompt& prompt : batch.prompts) {
    f.Report(batch.batch_id, prompt.id, kHalf);
  }
  const storage::RunProgress totals = f.Totals();
  CHECK(totals.calibration_rollouts[1] == 8);
  CHECK(totals.calibration_predicted[1] == Approx(8 * 1.5 / 11));
  CHECK(totals.calibration_successes[1] == 4);
  CHECK(totals.calibration_rollouts[9] == 16);
  CHECK(totals.calibration_successes[9] == 8);
  uint64_t rollouts = 0;
  for (const uint64_t count : totals.calibration_rollouts) rollouts += count;
  CHECK(rollouts == totals.rollouts);
}

TEST_CASE("Deciles take both ends of [0, 1]", "[unit]") {
  CHECK(DecileOf(0) == 0);
  CHECK(DecileOf(0.0999) == 0);
  CHECK(DecileOf(0.1) == 1);
  CHECK(DecileOf(0.95) == 9);
  CHECK(DecileOf(1) == 9);
}

TEST_CASE("Re-deal intervals fall into powers of two", "[unit]") {
  CHECK(IntervalBucketOf(0) == 0);
  CHECK(IntervalBucketOf(1e-9) == 0);
  for (int bucket = 1; bucket < storage::kIntervalBuckets; ++bucket) {
    const double start = IntervalBucketStart(bucket);
    CHECK(start == std::ldexp(1.0, bucket - 8));
    CHECK(IntervalBucketOf(start) == bucket);
    CHECK(IntervalBucketOf(std::nextafter(start, 0)) == bucket - 1);
  }
  CHECK(IntervalBucketOf(1e12) == storage::kIntervalBuckets - 1);
}

TEST_CASE("A re-deal counts its clock distance, a first deal nothing",
          "[unit]") {
  RunFixture f;
  f.Import(2);
  f.ReportBatch(f.Sample(2), 4);
  CHECK(f.Totals().redeal_interval_sum == 0);
  f.ReportBatch(f.Sample(1), 4);  // after 1 step
  f.ReportBatch(f.Sample(2), 4);  // after 1 step and after 2
  const storage::RunProgress totals = f.Totals();
  CHECK(totals.redeal_intervals[IntervalBucketOf(1)] == 2);
  CHECK(totals.redeal_intervals[IntervalBucketOf(2)] == 1);
  CHECK(totals.redeal_interval_sum == 4);
}

TEST_CASE("Deals of prompts never solved are those rolled out in vain",
          "[unit]") {
  RunFixture f;
  f.Import(1);
  f.ReportBatch(f.Sample(1), 0);
  CHECK(f.Totals().never_solved_deals == 0);
  CHECK(f->Stats().never_solved == 1);
  f.ReportBatch(f.Sample(1), 1);
  CHECK(f.Totals().never_solved_deals == 1);
  f.ReportBatch(f.Sample(1), 0);
  CHECK(f.Totals().never_solved_deals == 1);
  CHECK(f->Stats().never_solved == 0);
}

TEST_CASE("Coverage tells prompts ever dealt and dealt lately", "[unit]") {
  SettingsSpec spec;
  spec.policy = "uniform";
  RunFixture f(spec);
  f.Import(8);
  for (int i = 0; i < 4; ++i) f.ReportBatch(f.Sample(1), 4);
  CHECK(f->Stats().ever_dealt == 4);
  CHECK(f->Stats().recently_dealt == 4);
  for (int i = 0; i < 8; ++i) f.ReportBatch(f.Sample(1), 4);
  CHECK(f->Stats().ever_dealt == 8);
  // The newest 8 deals: the second half of a pass and the first of the next.
  CHECK(f->Stats().recently_dealt <= 8);
  CHECK(f->Stats().recently_dealt >= 4);
}

TEST_CASE("Label shares compare what is dealt with the pool", "[unit]") {
  RunFixture f;
  for (int i = 0; i < 6; ++i) {
    PromptSpec spec;
    spec.id = absl::StrCat("p", i);
    spec.labels = {{"level", "1"}, {"source", i < 4 ? "code" : "math"}};
    f.ImportOne(spec);
  }
  SampleRequest request = RequestOf(2);
  request.filter = {{"source", {"math"}}};
  REQUIRE(f->Sample(request, f.now()).ok());
  const RunStatsInfo stats = f->Stats();
  REQUIRE(stats.labels.size() == 3);
  CHECK(stats.labels[0].key == "level");
  CHECK(stats.labels[0].prompts == 6);
  CHECK(stats.labels[0].deals == 2);
  CHECK(stats.labels[0].ever_dealt == 2);
  CHECK(stats.labels[1].value == "code");
  CHECK(stats.labels[1].prompts == 4);
  CHECK(stats.labels[1].deals == 0);
  CHECK(stats.labels[2].value == "math");
  CHECK(stats.labels[2].ever_dealt == 2);
  CHECK(stats.omitted_labels == 0);
}

TEST_CASE("More labels than are shown are counted", "[unit]") {
  RunFixture f;
  for (size_t i = 0; i < kMaxLabelShares + 5; ++i) {
    PromptSpec spec;
    spec.id = absl::StrCat("p", i);
    spec.labels = {{"source", absl::StrCat(i)}};
    f.ImportOne(spec);
  }
  f.Import(1, 1000);
  CHECK(f->Stats().labels.size() == kMaxLabelShares);
  CHECK(f->Stats().omitted_labels == 5);
}

TEST_CASE("The histogram of pass rates counts every prompt", "[unit]") {
  RunFixture f;
  f.Import(3);                           // mean 1/2
  f.ImportOne(Prompt("top", {1e6, 0}));  // nearly 1
  f.ImportOne(Prompt("low", {0, 1e6}));  // nearly 0
  const RunStatsInfo stats = f->Stats();
  CHECK(stats.pass_rates[0] == 1);
  CHECK(stats.pass_rates[kPassRateBins / 2] == 3);
  CHECK(stats.pass_rates[kPassRateBins - 1] == 1);
}

TEST_CASE("The series halves its resolution rather than grow", "[unit]") {
  RunFixture f;
  f.Import(1);
  std::vector<std::string> batches;
  for (size_t i = 0; i < kMaxSeriesPoints; ++i) {
    f.ReportBatch(f.Sample(1), 4);
  }
  CHECK(f->Stats().series.size() == kMaxSeriesPoints);
  CHECK(f.Totals().series_width == 1);
  f.ReportBatch(f.Sample(1), 4);
  const RunStatsInfo stats = f->Stats();
  CHECK(stats.totals.series_width == 2);
  REQUIRE(stats.series.size() == kMaxSeriesPoints / 2 + 1);
  CHECK(stats.series[0].start_clock == 0);
  CHECK(stats.series[0].end_clock == 2);
  CHECK(stats.series[0].counts.deals == 2);
  CHECK(stats.series[0].counts.rollouts == 16);
  CHECK(stats.series.back().counts.deals == 1);
  uint64_t deals = 0;
  uint64_t effective = 0;
  for (const SeriesPoint& point : stats.series) {
    deals += point.counts.deals;
    effective += point.counts.effective_groups;
  }
  CHECK(deals == stats.totals.deals);
  CHECK(effective == stats.totals.effective_groups);
}

TEST_CASE("A late group counts where its batch was sampled", "[unit]") {
  RunFixture f;
  f.Import(3);
  const SampleResult first = f.Sample(1);
  f.Sample(1);
  f.Sample(1);
  f.ReportBatch(first, 4);
  const std::vector<SeriesPoint> series = f->Stats().series;
  REQUIRE(series.size() == 3);
  CHECK(series[0].counts.groups == 1);
  CHECK(series[0].counts.successes == 4);
  CHECK(series[2].counts.groups == 0);
}

TEST_CASE("A fast clock merges many points at once", "[unit]") {
  SettingsSpec spec;
  spec.reference_batch_size = 1;
  RunFixture f(spec);
  f.Import(3000);
  f.Sample(3000);
  f.Import(10, 3000);
  CHECK(f.Sample(5).clock == 3000);
  CHECK(f.Totals().series_width == 16);
  CHECK(f->Stats().series.size() <= kMaxSeriesPoints);
}

TEST_CASE("All statistics are as they were after a restart", "[unit]") {
  SettingsSpec spec;
  spec.group_size = 2;
  RunFixture f(spec);
  f.Import(6);
  for (int i = 0; i < 300; ++i) {
    const SampleResult batch = f.Sample(2);
    f.Report(batch.batch_id, batch.prompts[0].id, {1, i % 3 == 0 ? 1.0 : 0});
    f.Report(batch.batch_id, batch.prompts[1].id, {0.25}, true);
    if (i % 50 == 0) f.Commit();
  }
  const RunStatsInfo before = f->Stats();
  CHECK(before.totals.series_width == 2);
  REQUIRE(f.Reload().ok());
  for (int life = 0; life < 2; ++life) {
    const RunStatsInfo after = f->Stats();
    CHECK(after.totals == before.totals);
    CHECK(after.pass_rates == before.pass_rates);
    CHECK(after.ever_dealt == before.ever_dealt);
    CHECK(after.recently_dealt == before.recently_dealt);
    CHECK(after.never_solved == before.never_solved);
    REQUIRE(after.series.size() == before.series.size());
    for (size_t i = 0; i < after.series.size(); ++i) {
      CHECK(after.series[i].counts == before.series[i].counts);
      CHECK(after.series[i].start_clock == before.series[i].start_clock);
    }
    REQUIRE(f.Reload().ok());
  }
}

}  // namespace
}  // namespace vade::sampling
