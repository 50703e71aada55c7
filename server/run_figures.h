// RunFigures: a few numbers of every run, for the log and for metrics. Plain
// functions and a collector; thread-safe.
#ifndef VADE_SERVER_RUN_FIGURES_H_
#define VADE_SERVER_RUN_FIGURES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"
#include "server/gate.h"
#include "server/sampling/run_queue.h"

namespace vade::server {

struct RunFigures {
  std::string run_id;
  double clock = 0;
  uint64_t prompts = 0;
  uint64_t in_flight = 0;  // prompts
  uint64_t deals = 0;
  uint64_t rollouts = 0;
  double effective_gradient_ratio = 0;  // over all groups so far
  double expected_egr = 0;              // over all deals so far
  sampling::QueueCounts queue;
};

// Asks all of `runs` and waits for their answers, for `timeout` at most; runs
// that have not answered by then are left out.
std::vector<RunFigures> ReadRunFigures(
    const std::vector<std::shared_ptr<sampling::RunQueue>>& runs,
    absl::Duration timeout);

// Gives the figures of the first kMaxRuns runs by name to each scrape. `gate`
// outlives it.
class RunCollector : public prometheus::Collectable {
 public:
  static constexpr size_t kMaxRuns = 100;

  explicit RunCollector(const Gate& gate) : gate_(gate) {}
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const Gate& gate_;
};

}  // namespace vade::server

#endif  // VADE_SERVER_RUN_FIGURES_H_
