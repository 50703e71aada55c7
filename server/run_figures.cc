#include "server/run_figures.h"

#include <utility>

#include "absl/base/thread_annotations.h"
#include "prometheus/metric_type.h"
#include "server/sampling/run_registry.h"
#include "storage/mutex.h"

namespace vade::server {
namespace {

using sampling::RunQueue;

constexpr absl::Duration kScrapeTimeout = absl::Seconds(2);

// Answers that come in on workers while one thread waits. Thread-safe.
class Answers {
 public:
  explicit Answers(size_t expected) : missing_(expected) {}

  void Add(absl::StatusOr<RunFigures> figures) {
    MutexLock lock(mu_);
    if (figures.ok()) figures_.push_back(*std::move(figures));
    --missing_;
    complete_.NotifyAll();
  }

  std::vector<RunFigures> Wait(absl::Duration timeout) {
    MutexLock lock(mu_);
    while (missing_ > 0 && complete_.WaitFor(mu_, timeout)) {
    }
    return figures_;
  }

 private:
  Mutex mu_;
  CondVar complete_;
  size_t missing_ ABSL_GUARDED_BY(mu_);
  std::vector<RunFigures> figures_ ABSL_GUARDED_BY(mu_);
};

RunFigures FiguresOf(const sampling::Run& run) {
  const sampling::RunInfo info = run.Info();
  const storage::RunProgress& totals = run.progress();
  RunFigures figures;
  figures.run_id = info.record.id;
  figures.clock = info.clock;
  figures.prompts = info.prompts;
  figures.in_flight = info.in_flight;
  figures.deals = totals.deals;
  figures.rollouts = totals.rollouts;
  if (totals.groups > 0) {
    figures.effective_gradient_ratio =
        static_cast<double>(totals.effective_groups) /
        static_cast<double>(totals.groups);
  }
  if (totals.deals > 0) {
    figures.expected_egr =
        totals.expected_effective_groups / static_cast<double>(totals.deals);
  }
  return figures;
}

// One figure as a metric of all runs.
struct Series {
  const char* name;
  const char* help;
  prometheus::MetricType type;
  double (*value)(const RunFigures& figures);
};

constexpr Series kSeries[] = {
    {"vade_run_clock", "Steps the run was dealt prompts for.",
     prometheus::MetricType::Gauge,
     [](const RunFigures& f) { return f.clock; }},
    {"vade_run_prompts", "Prompts of the run.", prometheus::MetricType::Gauge,
     [](const RunFigures& f) { return static_cast<double>(f.prompts); }},
    {"vade_run_in_flight_prompts", "Prompts that are leased now.",
     prometheus::MetricType::Gauge,
     [](const RunFigures& f) { return static_cast<double>(f.in_flight); }},
    {"vade_run_effective_gradient_ratio",
     "Share of complete groups that were not zero-variance, so far.",
     prometheus::MetricType::Gauge,
     [](const RunFigures& f) { return f.effective_gradient_ratio; }},
    {"vade_run_expected_egr", "The same as expected when dealt.",
     prometheus::MetricType::Gauge,
     [](const RunFigures& f) { return f.expected_egr; }},
    {"vade_run_waiting_calls", "Calls that wait for prompts.",
     prometheus::MetricType::Gauge,
     [](const RunFigures& f) { return static_cast<double>(f.queue.waiting); }},
    {"vade_run_deals_total", "Prompts dealt.", prometheus::MetricType::Counter,
     [](const RunFigures& f) { return static_cast<double>(f.deals); }},
    {"vade_run_rollouts_total", "Rollouts accepted with a reward.",
     prometheus::MetricType::Counter,
     [](const RunFigures& f) { return static_cast<double>(f.rollouts); }},
    {"vade_run_commits_total", "Writes of the run since the server started.",
     prometheus::MetricType::Counter,
     [](const RunFigures& f) { return static_cast<double>(f.queue.commits); }},
};

prometheus::ClientMetric MetricOf(const Series& series,
                                  const RunFigures& figures) {
  prometheus::ClientMetric metric;
  metric.label.push_back({"run", figures.run_id});
  const double value = series.value(figures);
  if (series.type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  return metric;
}

}  // namespace

std::vector<RunFigures> ReadRunFigures(
    const std::vector<std::shared_ptr<RunQueue>>& runs,
    absl::Duration timeout) {
  // shared_ptr: answers that come too late still have a place.
  auto answers = std::make_shared<Answers>(runs.size());
  for (const std::shared_ptr<RunQueue>& run : runs) {
    run->Read<RunFigures>([](const sampling::Run& r) { return FiguresOf(r); },
                          [answers, run](absl::StatusOr<RunFigures> figures) {
                            if (figures.ok()) figures->queue = run->counts();
                            answers->Add(std::move(figures));
                          });
  }
  return answers->Wait(timeout);
}

std::vector<prometheus::MetricFamily> RunCollector::Collect() const {
  absl::StatusOr<sampling::RunRegistry*> registry = gate_.Enter();
  if (!registry.ok()) return {};
  const std::vector<RunFigures> runs =
      ReadRunFigures((*registry)->List("", kMaxRuns), kScrapeTimeout);
  std::vector<prometheus::MetricFamily> families;
  for (const Series& series : kSeries) {
    prometheus::MetricFamily family;
    family.name = series.name;
    family.help = series.help;
    family.type = series.type;
    for (const RunFigures& figures : runs) {
      family.metric.push_back(MetricOf(series, figures));
    }
    families.push_back(std::move(family));
  }
  return families;
}

}  // namespace vade::server
