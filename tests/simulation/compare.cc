#include "tests/simulation/compare.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "server/sampling/limits.h"

namespace vade::simulation {
namespace {

using sampling::BatchInfo;
using sampling::GroupInfo;
using sampling::ImportResult;
using sampling::PromptInfo;
using sampling::ReportResult;
using sampling::RunInfo;
using sampling::SampledPrompt;
using sampling::SampleResult;
using storage::RunProgress;
using storage::SeriesRecord;

std::string Show(const std::string& value) { return value; }
std::string Show(bool value) { return value ? "true" : "false"; }
std::string Show(double value) { return absl::StrCat(value); }
std::string Show(uint64_t value) { return absl::StrCat(value); }
std::string Show(uint32_t value) { return absl::StrCat(value); }
std::string Show(absl::Time value) { return absl::FormatTime(value); }
std::string Show(storage::BatchState value) {
  return absl::StrCat("batch state ", static_cast<int>(value));
}
std::string Show(storage::GroupState value) {
  return absl::StrCat("group state ", static_cast<int>(value));
}
std::string Show(const sampling::Labels& value) {
  std::string text;
  for (const auto& [key, label] : value) {
    absl::StrAppend(&text, key, "=", label, " ");
  }
  return text;
}
template <typename T>
std::string Show(const std::optional<T>& value) {
  return value.has_value() ? Show(*value) : "nothing";
}

// Collects the first difference.
class Comparison {
 public:
  explicit Comparison(std::string subject) : subject_(std::move(subject)) {}

  template <typename T>
  void Same(const char* what, const T& expected, const T& actual) {
    if (expected == actual) return;
    Note(what, Show(expected), Show(actual));
  }
  void Near(const char* what, double expected, double actual) {
    const double scale = std::max({1.0, std::abs(expected), std::abs(actual)});
    if (std::abs(expected - actual) <= kTolerance * scale) return;
    Note(what, absl::StrCat(expected), absl::StrCat(actual));
  }
  void Add(std::string difference) {
    if (text_.empty() && !difference.empty()) text_ = std::move(difference);
  }
  std::string text() const { return text_; }

 private:
  void Note(const char* what, const std::string& expected,
            const std::string& actual) {
    if (!text_.empty()) return;
    text_ =
        absl::StrCat(subject_, ": ", what, " is ", actual, ", not ", expected);
  }

  const std::string subject_;
  std::string text_;
};

void CompareSampled(const SampledPrompt& expected, const SampledPrompt& actual,
                    Comparison& c) {
  c.Same("prompt index", expected.index, actual.index);
  c.Same("prompt id", expected.id, actual.id);
  c.Same("draw", expected.draw, actual.draw);
  c.Same("score", expected.score, actual.score);
  c.Near("posterior mean", expected.posterior_mean, actual.posterior_mean);
  c.Near("expected EGR", expected.expected_egr, actual.expected_egr);
}

struct AnswerComparison {
  const Answer& actual;

  template <typename T>
  std::string operator()(const T& expected) const {
    const T* value = std::get_if<T>(&actual.value);
    if (value == nullptr) return "the answer has another type";
    return Compare(expected, *value);
  }

  static std::string Compare(std::monostate, std::monostate) { return ""; }
  static std::string Compare(const PromptInfo& expected,
                             const PromptInfo& actual) {
    return Difference(expected, actual);
  }
  static std::string Compare(const BatchInfo& expected,
                             const BatchInfo& actual) {
    BatchInfo without_groups = expected;
    without_groups.groups.clear();
    return Difference(without_groups, actual);
  }
  static std::string Compare(const RunInfo& expected, const RunInfo& actual) {
    Comparison c("run");
    c.Same("display name", expected.record.display_name,
           actual.record.display_name);
    c.Same("revision", expected.record.revision, actual.record.revision);
    c.Same("settings equal", true,
           expected.record.settings == actual.record.settings);
    c.Near("clock", expected.clock, actual.clock);
    c.Same("batches", expected.batches, actual.batches);
    c.Same("prompts", expected.prompts, actual.prompts);
    c.Same("disabled", expected.disabled, actual.disabled);
    c.Same("in flight", expected.in_flight, actual.in_flight);
    return c.text();
  }
  static std::string Compare(const ImportResult& expected,
                             const ImportResult& actual) {
    Comparison c("import");
    c.Same("created", expected.created, actual.created);
    c.Same("updated", expected.updated, actual.updated);
    c.Same("skipped", expected.skipped, actual.skipped);
    return c.text();
  }
  static std::string Compare(const SampleResult& expected,
                             const SampleResult& actual) {
    Comparison c("sampled batch");
    c.Same("id", expected.batch_id, actual.batch_id);
    c.Same("batch size", expected.batch_size, actual.batch_size);
    c.Same("group size", expected.group_size, actual.group_size);
    c.Same("expire time", expected.expire_time, actual.expire_time);
    c.Near("clock", expected.clock, actual.clock);
    c.Near("expected EGR", expected.expected_egr, actual.expected_egr);
    c.Same("repeated", expected.repeated, actual.repeated);
    c.Same("prompts", expected.prompts.size(), actual.prompts.size());
    if (!c.text().empty()) return c.text();
    for (size_t i = 0; i < expected.prompts.size(); ++i) {
      CompareSampled(expected.prompts[i], actual.prompts[i], c);
    }
    return c.text();
  }
  static std::string Compare(const ReportResult& expected,
                             const ReportResult& actual) {
    Comparison c("report");
    c.Same("accepted", expected.accepted, actual.accepted);
    c.Same("failed", expected.failed, actual.failed);
    c.Same("duplicate", expected.duplicate, actual.duplicate);
    c.Same("late", expected.late, actual.late);
    c.Same("superseded", expected.superseded, actual.superseded);
    c.Same("completed groups", expected.completed_groups,
           actual.completed_groups);
    c.Same("zero-variance groups", expected.zero_variance_groups,
           actual.zero_variance_groups);
    return c.text();
  }
};

std::string CompareTotals(const RunProgress& expected,
                          const RunProgress& actual) {
  Comparison c("totals");
  c.Near("clock", expected.clock, actual.clock);
  c.Same("next sequence", expected.next_sequence, actual.next_sequence);
  c.Same("oldest sequence", expected.oldest_sequence, actual.oldest_sequence);
  c.Same("next prompt index", expected.next_prompt_index,
         actual.next_prompt_index);
  c.Same("batches", expected.batches, actual.batches);
  c.Same("deals", expected.deals, actual.deals);
  c.Same("rollouts", expected.rollouts, actual.rollouts);
  c.Same("failed rollouts", expected.failed_rollouts, actual.failed_rollouts);
  c.Same("duplicate rollouts", expected.duplicate_rollouts,
         actual.duplicate_rollouts);
  c.Same("late rollouts", expected.late_rollouts, actual.late_rollouts);
  c.Same("superseded rollouts", expected.superseded_rollouts,
         actual.superseded_rollouts);
  c.Same("groups", expected.groups, actual.groups);
  c.Same("effective groups", expected.effective_groups,
         actual.effective_groups);
  c.Same("failed groups", expected.failed_groups, actual.failed_groups);
  c.Same("expired groups", expected.expired_groups, actual.expired_groups);
  c.Same("released groups", expected.released_groups, actual.released_groups);
  c.Same("deals of never solved prompts", expected.never_solved_deals,
         actual.never_solved_deals);
  c.Near("successes", expected.successes, actual.successes);
  c.Near("expected effective groups", expected.expected_effective_groups,
         actual.expected_effective_groups);
  c.Near("squared error", expected.squared_error, actual.squared_error);
  for (int i = 0; i < storage::kDeciles; ++i) {
    c.Same("calibration rollouts", expected.calibration_rollouts[i],
           actual.calibration_rollouts[i]);
    c.Near("calibration predicted", expected.calibration_predicted[i],
           actual.calibration_predicted[i]);
    c.Near("calibration successes", expected.calibration_successes[i],
           actual.calibration_successes[i]);
  }
  for (int i = 0; i < storage::kIntervalBuckets; ++i) {
    c.Same("redeal intervals", expected.redeal_intervals[i],
           actual.redeal_intervals[i]);
  }
  c.Near("sum of redeal intervals", expected.redeal_interval_sum,
         actual.redeal_interval_sum);
  return c.text();
}

std::string CompareSeries(const std::map<uint64_t, SeriesRecord>& expected,
                          double width,
                          const std::vector<sampling::SeriesPoint>& actual) {
  Comparison c("series");
  c.Same("too long", false, actual.size() > sampling::kMaxSeriesPoints);
  size_t found = 0;
  for (const sampling::SeriesPoint& point : actual) {
    const auto bucket = static_cast<uint64_t>(point.start_clock / width);
    c.Near("end clock", static_cast<double>(bucket + 1) * width,
           point.end_clock);
    const auto it = expected.find(bucket);
    if (it != expected.end()) ++found;
    const SeriesRecord want =
        it == expected.end() ? SeriesRecord() : it->second;
    c.Same("deals", want.deals, point.counts.deals);
    c.Same("groups", want.groups, point.counts.groups);
    c.Same("effective groups", want.effective_groups,
           point.counts.effective_groups);
    c.Same("rollouts", want.rollouts, point.counts.rollouts);
    c.Near("successes", want.successes, point.counts.successes);
    c.Near("expected effective groups", want.expected_effective_groups,
           point.counts.expected_effective_groups);
  }
  c.Same("points", expected.size(), found);
  return c.text();
}

std::string CompareStats(const Model& model,
                         const sampling::RunStatsInfo& actual) {
  Comparison c("stats");
  c.Add(AnswerComparison::Compare(model.Info(), actual.run));
  c.Add(CompareTotals(model.Totals(), actual.totals));
  const double width = actual.totals.series_width;
  c.Add(CompareSeries(model.Series(width), width, actual.series));
  uint64_t in_flight = 0;
  for (const ModelBatch& batch : model.batches()) {
    if (batch.state == storage::BatchState::kInFlight) ++in_flight;
  }
  uint64_t ever_dealt = 0;
  uint64_t never_solved = 0;
  for (const ModelPrompt& prompt : model.prompts()) {
    if (prompt.deleted) continue;
    const PromptInfo info = model.DescribePrompt(prompt);
    if (info.deals > 0) ++ever_dealt;
    if (info.rollouts > 0 && info.successes == 0) ++never_solved;
  }
  c.Same("batches in flight", in_flight, actual.in_flight_batches);
  c.Same("prompts ever dealt", ever_dealt, actual.ever_dealt);
  c.Same("prompts never solved", never_solved, actual.never_solved);
  return c.text();
}

}  // namespace

std::string Difference(const PromptInfo& expected, const PromptInfo& actual) {
  Comparison c(
      absl::StrCat("prompt ", expected.id, " (#", expected.index, ")"));
  c.Same("index", expected.index, actual.index);
  c.Same("id", expected.id, actual.id);
  c.Same("labels", expected.labels, actual.labels);
  c.Same("enabled", expected.enabled, actual.enabled);
  c.Same("in flight", expected.in_flight, actual.in_flight);
  c.Same("payload bytes", expected.payload_bytes, actual.payload_bytes);
  c.Same("deals", expected.deals, actual.deals);
  c.Same("rollouts", expected.rollouts, actual.rollouts);
  c.Near("successes", expected.successes, actual.successes);
  c.Near("alpha", expected.evidence.alpha, actual.evidence.alpha);
  c.Near("beta", expected.evidence.beta, actual.evidence.beta);
  c.Near("posterior mean", expected.posterior_mean, actual.posterior_mean);
  c.Near("expected EGR", expected.expected_egr, actual.expected_egr);
  c.Same("last batch", expected.last_batch, actual.last_batch);
  c.Same("last dealt clock", expected.last_dealt_clock,
         actual.last_dealt_clock);
  c.Same("last draw", expected.last_draw, actual.last_draw);
  c.Same("last score", expected.last_score, actual.last_score);
  return c.text();
}

std::string Difference(const BatchInfo& expected, const BatchInfo& actual) {
  Comparison c(absl::StrCat("batch ", expected.id));
  c.Same("id", expected.id, actual.id);
  c.Same("sequence", expected.sequence, actual.sequence);
  c.Same("state", expected.state, actual.state);
  c.Same("size", expected.batch_size, actual.batch_size);
  c.Same("group size", expected.group_size, actual.group_size);
  c.Near("clock", expected.clock, actual.clock);
  c.Near("expected EGR", expected.expected_egr, actual.expected_egr);
  c.Same("request id", expected.request_id, actual.request_id);
  c.Same("create time", expected.create_time, actual.create_time);
  c.Same("expire time", expected.expire_time, actual.expire_time);
  c.Same("end time", expected.end_time, actual.end_time);
  c.Same("groups in flight", expected.in_flight, actual.in_flight);
  c.Same("completed groups", expected.completed, actual.completed);
  c.Same("groups", expected.groups.size(), actual.groups.size());
  if (!c.text().empty()) return c.text();
  for (size_t i = 0; i < expected.groups.size(); ++i) {
    const GroupInfo& want = expected.groups[i];
    const GroupInfo& got = actual.groups[i];
    CompareSampled(want.prompt, got.prompt, c);
    c.Same("state of a group", want.state, got.state);
    c.Same("rewards of a group", want.rewards, got.rewards);
    c.Near("successes of a group", want.successes, got.successes);
    c.Same("failed of a group", want.failed, got.failed);
    c.Same("varied of a group", want.varied, got.varied);
  }
  return c.text();
}

std::string Difference(const Answer& expected, const Answer& actual) {
  if (expected.reason != actual.reason) {
    return absl::StrCat("the answer is '", actual.reason, "', not '",
                        expected.reason, "'");
  }
  return std::visit(AnswerComparison{actual}, expected.value);
}

std::string Difference(const Model& model, const Snapshot& snapshot) {
  Comparison c("run");
  c.Add(std::string(snapshot.invariants.message()));
  c.Add(AnswerComparison::Compare(model.Info(), snapshot.info));
  size_t at = 0;
  for (const ModelPrompt& prompt : model.prompts()) {
    if (prompt.deleted) continue;
    if (at >= snapshot.prompts.size()) return "prompts are missing";
    c.Add(Difference(model.DescribePrompt(prompt), snapshot.prompts[at++]));
  }
  c.Same("exported prompts", at, snapshot.prompts.size());
  size_t newest = 0;
  for (uint64_t s = model.next_sequence() - 1; s >= model.oldest_sequence();
       --s) {
    if (newest >= snapshot.batches.size()) return "batches are missing";
    c.Add(Difference(model.DescribeBatch(model.batches()[s - 1]),
                     snapshot.batches[newest++]));
  }
  c.Same("listed batches", newest, snapshot.batches.size());
  c.Add(CompareStats(model, snapshot.stats));
  return c.text();
}

Snapshot TakeSnapshot(const sampling::Run& run) {
  Snapshot snapshot;
  snapshot.info = run.Info();
  snapshot.stats = run.Stats();
  snapshot.invariants = run.CheckInvariants();
  std::optional<uint32_t> next = 0;
  while (next.has_value()) {
    sampling::PromptChunk chunk = run.Export({}, *next, 7);
    next = chunk.next;
    for (PromptInfo& prompt : chunk.prompts) {
      snapshot.prompts.push_back(std::move(prompt));
    }
  }
  sampling::ListBatchesQuery query;
  query.page_size = 5;
  do {
    const sampling::BatchPage page = run.ListBatches(query);
    for (const BatchInfo& batch : page.batches) {
      const auto full = run.GetBatch(batch.id);
      if (!full.ok()) snapshot.invariants = full.status();
      BatchInfo listed = full.ok() ? *full : batch;
      listed.groups.clear();
      if (const std::string text = Difference(listed, batch); !text.empty()) {
        snapshot.invariants = absl::InternalError(text);
      }
      if (full.ok()) snapshot.batches.push_back(*full);
    }
    query.before_sequence = page.next_before_sequence;
  } while (query.before_sequence.has_value());
  return snapshot;
}

}  // namespace vade::simulation
