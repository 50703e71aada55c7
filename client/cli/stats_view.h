// How the statistics of a run are shown to people.
#ifndef VADE_CLIENT_CLI_STATS_VIEW_H_
#define VADE_CLIENT_CLI_STATS_VIEW_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "vade/sampler/v1/stats.pb.h"

namespace vade::cli {

// All of it: properties, then the tables of calibration, pass rates and
// labels. `columns` as Table::Render. Pure, thread-safe.
std::string RenderStats(const sampler::v1::RunStats& stats, int columns);

// A bar of at most `width` columns for `share` in [0, 1], made of eighths.
std::string Bar(double share, int width);

// What WatchRun shows: the newest statistics, and rates against those before.
// Thread-compatible.
class WatchView {
 public:
  // The next message.
  void Update(const sampler::v1::RunStats& stats);

  // A panel of some lines.
  std::string Panel(int columns) const;
  // The same on one line, without an end.
  std::string Line() const;

 private:
  // EGR of the groups in the newest points of the series; below 0 if it has
  // none.
  double EgrNow() const;

  sampler::v1::RunStats stats_;
  // By second, over the newest stretch between two messages.
  double rollouts_per_second_ = 0;
  double deals_per_second_ = 0;
  bool any_ = false;
};

}  // namespace vade::cli

#endif  // VADE_CLIENT_CLI_STATS_VIEW_H_
