#include "client/cli/stats_view.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/format.h"
#include "client/cli/table.h"

namespace vade::cli {
namespace {

using sampler::v1::RunStats;

constexpr int kBarWidth = 24;
// Points of the series that make "now".
constexpr int kRecentPoints = 4;
constexpr int kLabelRows = 20;

std::string EgrOf(uint64_t effective, uint64_t groups) {
  if (groups == 0) return "-";
  return FormatShare(static_cast<double>(effective) /
                     static_cast<double>(groups));
}

std::vector<std::pair<std::string, std::string>> Properties(
    const RunStats& stats) {
  return {
      {"run", stats.run()},
      {"clock", absl::StrCat(FormatNumber(stats.clock()), " steps")},
      {"effective gradient ratio",
       absl::StrCat(EgrOf(stats.effective_group_count(), stats.group_count()),
                    " of ", stats.group_count(), " groups")},
      {"expected EGR", FormatShare(stats.expected_egr())},
      {"mean pass rate", FormatRate(stats.mean_pass_rate())},
      {"Brier score", FormatRate(stats.brier_score())},
      {"", ""},
      {"prompts", absl::StrCat(stats.prompt_count(), " (",
                               stats.in_flight_prompt_count(), " in flight, ",
                               stats.disabled_prompt_count(), " disabled)")},
      {"ever dealt", FormatShare(stats.ever_dealt_share())},
      {"dealt recently", FormatShare(stats.recently_dealt_share())},
      {"never solved",
       absl::StrCat(stats.never_solved_prompt_count(), " prompts, ",
                    FormatShare(stats.never_solved_deal_share()), " of deals")},
      {"re-deal interval",
       absl::StrCat(FormatNumber(stats.mean_redeal_interval()),
                    " steps (mean)")},
      {"", ""},
      {"batches", absl::StrCat(stats.batch_count(), " (",
                               stats.in_flight_batch_count(), " in flight)")},
      {"deals", absl::StrCat(stats.deal_count())},
      {"rollouts", absl::StrCat(stats.rollout_count(), " with a reward, ",
                                stats.failed_rollout_count(), " failed")},
      {"duplicate, late, superseded",
       absl::StrCat(stats.duplicate_rollout_count(), ", ",
                    stats.late_rollout_count(), ", ",
                    stats.superseded_rollout_count(), " rollouts")},
      {"expired, released, failed",
       absl::StrCat(stats.expired_group_count(), ", ",
                    stats.released_group_count(), ", ",
                    stats.failed_group_count(), " groups")}};
}

std::string CalibrationTable(const RunStats& stats, int columns) {
  Table table;
  table.Column("POSTERIOR MEAN").Column("ROLLOUTS", Align::kRight);
  table.Column("PREDICTED", Align::kRight).Column("OBSERVED", Align::kRight);
  for (int i = 0; i < stats.calibration_size(); ++i) {
    const auto& bin = stats.calibration(i);
    if (bin.rollout_count() == 0) continue;
    table.AddRow({absl::StrFormat("%.1f to %.1f", i * 0.1, (i + 1) * 0.1),
                  absl::StrCat(bin.rollout_count()),
                  FormatRate(bin.predicted_pass_rate()),
                  FormatRate(bin.observed_pass_rate())});
  }
  return table.empty() ? "" : "\n" + table.Render(columns);
}

std::string HistogramTable(
    const std::string& title, const char* form,
    const google::protobuf::RepeatedPtrField<sampler::v1::HistogramBin>& bins,
    int columns) {
  uint64_t most = 0;
  for (const auto& bin : bins) most = std::max<uint64_t>(most, bin.count());
  if (most == 0) return "";
  Table table;
  table.Column(title).Column("COUNT", Align::kRight).Column("");
  for (const auto& bin : bins) {
    const auto format = [form](double value) {
      return absl::StrFormat(*absl::ParsedFormat<'f'>::New(form), value);
    };
    table.AddRow(
        {absl::StrCat(format(bin.start()), " to ", format(bin.end())),
         absl::StrCat(bin.count()),
         Bar(static_cast<double>(bin.count()) / static_cast<double>(most),
             kBarWidth)});
  }
  return "\n" + table.Render(columns);
}

std::string LabelTable(const RunStats& stats, int columns) {
  if (stats.labels().empty()) return "";
  Table table;
  table.Column("LABEL").Flexible();
  table.Column("PROMPTS", Align::kRight).Column("OF POOL", Align::kRight);
  table.Column("DEALS", Align::kRight).Column("OF DEALS", Align::kRight);
  table.Column("EVER DEALT", Align::kRight);
  const int shown = std::min(stats.labels_size(), kLabelRows);
  for (int i = 0; i < shown; ++i) {
    const auto& label = stats.labels(i);
    table.AddRow(
        {absl::StrCat(label.key(), "=", label.value()),
         absl::StrCat(label.prompt_count()), FormatShare(label.pool_share()),
         absl::StrCat(label.deal_count()), FormatShare(label.deal_share()),
         FormatShare(label.ever_dealt_share())});
  }
  std::string text = "\n" + table.Render(columns);
  const uint64_t more =
      stats.labels_size() - shown + stats.omitted_label_count();
  if (more > 0) absl::StrAppend(&text, more, " more labels\n");
  return text;
}

}  // namespace

std::string Bar(double share, int width) {
  static constexpr const char* kEighths[] = {"",  "▏", "▎", "▍",
                                             "▌", "▋", "▊", "▉"};
  const double clamped = share > 0 ? std::min(share, 1.0) : 0.0;
  const int eighths = static_cast<int>(std::lround(clamped * width * 8));
  std::string bar;
  for (int i = 0; i < eighths / 8; ++i) bar += "█";
  return bar + kEighths[eighths % 8];
}

std::string RenderStats(const RunStats& stats, int columns) {
  return absl::StrCat(RenderProperties(Properties(stats), columns),
                      CalibrationTable(stats, columns),
                      HistogramTable("POSTERIOR MEANS NOW", "%.2f",
                                     stats.pass_rate_histogram(), columns),
                      HistogramTable("STEPS BETWEEN DEALS", "%.0f",
                                     stats.redeal_intervals(), columns),
                      LabelTable(stats, columns));
}

void WatchView::Update(const RunStats& stats) {
  if (any_) {
    const double seconds = absl::ToDoubleSeconds(FromProto(stats.time()) -
                                                 FromProto(stats_.time()));
    if (seconds > 0) {
      const auto rate = [seconds](uint64_t now, uint64_t before) {
        return now < before ? 0.0 : static_cast<double>(now - before) / seconds;
      };
      rollouts_per_second_ =
          rate(stats.rollout_count(), stats_.rollout_count());
      deals_per_second_ = rate(stats.deal_count(), stats_.deal_count());
    }
  }
  stats_ = stats;
  any_ = true;
}

double WatchView::EgrNow() const {
  uint64_t groups = 0;
  uint64_t effective = 0;
  const int first = std::max(0, stats_.series_size() - kRecentPoints);
  for (int i = first; i < stats_.series_size(); ++i) {
    groups += stats_.series(i).group_count();
    effective += stats_.series(i).effective_group_count();
  }
  if (groups == 0) return -1;
  return static_cast<double>(effective) / static_cast<double>(groups);
}

std::string WatchView::Panel(int columns) const {
  const double egr = stats_.effective_gradient_ratio();
  const double now = EgrNow();
  const auto bar_of = [](double share) {
    return absl::StrCat(FormatShare(share), "  ", Bar(share, kBarWidth));
  };
  return RenderProperties(
      {{"run",
        absl::StrCat(stats_.run(), ", as of ", FormatTime(stats_.time()))},
       {"clock", absl::StrCat(FormatNumber(stats_.clock()), " steps, ",
                              stats_.batch_count(), " batches")},
       {"EGR, newest", now < 0 ? "-" : bar_of(now)},
       {"EGR, all", stats_.group_count() == 0 ? "-" : bar_of(egr)},
       {"EGR, expected",
        stats_.deal_count() == 0 ? "-" : bar_of(stats_.expected_egr())},
       {"mean pass rate", FormatRate(stats_.mean_pass_rate())},
       {"in flight", absl::StrCat(stats_.in_flight_prompt_count(), " of ",
                                  stats_.prompt_count(), " prompts, ",
                                  stats_.in_flight_batch_count(), " batches")},
       {"rollouts",
        absl::StrFormat("%d (%.0f/s), %d failed", stats_.rollout_count(),
                        rollouts_per_second_, stats_.failed_rollout_count())},
       {"deals",
        absl::StrFormat("%d (%.0f/s)", stats_.deal_count(), deals_per_second_)},
       {"ever dealt", FormatShare(stats_.ever_dealt_share())}},
      columns);
}

std::string WatchView::Line() const {
  const double now = EgrNow();
  return absl::StrFormat(
      "%s  clock %s  EGR %s (now %s, expected %s)  pass rate %s  in flight %d  "
      "rollouts %d (%.0f/s)",
      FormatTime(stats_.time()), FormatNumber(stats_.clock()),
      EgrOf(stats_.effective_group_count(), stats_.group_count()),
      now < 0 ? "-" : FormatShare(now), FormatShare(stats_.expected_egr()),
      FormatRate(stats_.mean_pass_rate()), stats_.in_flight_prompt_count(),
      stats_.rollout_count(), rollouts_per_second_);
}

}  // namespace vade::cli
