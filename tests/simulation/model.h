// Model: one run, written from its promises and in the plainest way, to check
// the engine against. It forgets nothing, keeps every rollout it was told of,
// and works evidence and statistics out from scratch each time they are asked
// for. Only which prompts a batch gets is not its own: it checks that the
// engine's picks were allowed and takes them over.
//
// A plain value, so that a test can go on from several states in which a crash
// may have left a run. Thread-compatible.
#ifndef VADE_TESTS_SIMULATION_MODEL_H_
#define VADE_TESTS_SIMULATION_MODEL_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/sampling/requests.h"
#include "storage/types.h"
#include "tests/simulation/operation.h"

namespace vade::simulation {

// Mistakes for a model to make on purpose, to prove that they would be seen.
enum class Flaw {
  kNone,
  kDuplicateCounts,    // a repeated rollout is evidence again
  kLateNotDiscounted,  // evidence in order of arrival
  kDecayEachReport,    // selected_decay applied by every part of a group
  kFailedIsZero,       // a failed rollout is evidence of reward 0
  kExpiryIsEvidence,   // a group that expires without rewards is all failures
  kExpiredStaysBusy,   // an expired lease does not free its prompts
  kClockPerCall,       // the clock ignores reference_batch_size
  kOverrideKeepsOld,   // set evidence does not supersede what came before
};

struct ModelGroup {
  uint32_t prompt = 0;  // index
  sampling::SampledPrompt sampled;
  storage::GroupState state = storage::GroupState::kInFlight;
  std::map<uint32_t, double> rewards;  // by rollout index
  std::set<uint32_t> failed;
  bool rolled_before = false;  // at the deal: rolled out, and
  bool solved_before = false;  // solved at least once
  // For flaws: the arrival of the first reward, counted over the run, reports
  // with new rewards, and rewards that were repeated.
  uint64_t arrival = 0;
  uint32_t parts = 0;
  std::vector<double> repeats;
};

struct ModelBatch {
  std::string id;
  uint64_t sequence = 0;
  double clock = 0;
  uint32_t group_size = 0;
  sampling::SampleRequest request;
  storage::BatchState state = storage::BatchState::kInFlight;
  absl::Duration ttl;
  absl::Time create_time;
  absl::Time expire_time;
  absl::Time end_time;
  std::vector<ModelGroup> groups;

  uint32_t in_flight() const;
};

struct ModelPrompt {
  uint32_t index = 0;
  std::string id;
  std::map<std::string, std::string> labels;
  std::string payload;
  bool enabled = true;
  bool deleted = false;
  // What it started with, or was set to, and when. Batches before
  // `base_sequence` are no evidence.
  sampling::Evidence base;
  double base_clock = 0;
  uint64_t base_sequence = 0;
  // (sequence, position) of each group it was dealt in.
  std::vector<std::pair<uint64_t, uint32_t>> groups;
  std::vector<double> redeals;  // clock distances
};

class Model {
 public:
  Model(storage::RunSettings settings, uint64_t epoch, Flaw flaw)
      : settings_(std::move(settings)), epoch_(epoch), flaw_(flaw) {}

  // Applies `operation` and returns what the engine should answer. `dealt` is
  // what the engine dealt, for an operation that turns out to sample a batch.
  // `violation()` is set if that was not allowed, or is missing.
  Answer Apply(const Operation& operation, absl::Time now,
               const std::optional<sampling::SampleResult>& dealt);
  const std::string& violation() const { return violation_; }

  // The server was restarted at `now`.
  void Restart(absl::Time now);

  // What the engine should say of each; groups of a batch included.
  sampling::RunInfo Info() const;
  sampling::PromptInfo DescribePrompt(const ModelPrompt& prompt) const;
  sampling::BatchInfo DescribeBatch(const ModelBatch& batch) const;
  storage::RunProgress Totals() const;
  // Counts of the run's history in stretches of `width`, by stretch.
  std::map<uint64_t, storage::SeriesRecord> Series(double width) const;
  // Evidence faded to the run's clock now.
  sampling::Evidence EvidenceNow(const ModelPrompt& prompt) const;

  const storage::RunSettings& settings() const { return settings_; }
  std::string etag() const { return absl::StrCat(epoch_, "-", revision_); }
  double clock() const { return clock_; }
  uint64_t next_sequence() const { return batches_.size() + 1; }
  uint64_t oldest_sequence() const { return oldest_; }
  // All that ever were, by index and by sequence - 1.
  const std::vector<ModelPrompt>& prompts() const { return prompts_; }
  const std::vector<ModelBatch>& batches() const { return batches_; }
  // Null if there is none that is not deleted.
  const ModelPrompt* FindPrompt(const std::string& id) const;
  bool InFlight(uint32_t prompt) const;

 private:
  struct Place {
    ModelBatch* batch = nullptr;
    ModelGroup* group = nullptr;
  };
  struct Pool {
    std::vector<uint32_t> eligible;  // indexes
    size_t matching = 0;             // enabled and matching the filter
  };

  Answer Do(const UpdateRun& operation, absl::Time now);
  Answer Do(const Import& operation, absl::Time now);
  Answer Do(const UpdatePrompt& operation, absl::Time now);
  Answer Do(const DeletePrompt& operation, absl::Time now);
  Answer Do(const Sample& operation, absl::Time now);
  Answer Do(const Renew& operation, absl::Time now);
  Answer Do(const Release& operation, absl::Time now);
  Answer Do(const Report& operation, absl::Time now);
  Answer Do(const Tick& operation, absl::Time now);

  void Expire(absl::Time now);
  void Forget(absl::Time now);
  std::string CheckImport(const sampling::ImportRequest& request) const;
  void SetEvidence(ModelPrompt& prompt, sampling::Evidence evidence);
  Pool PoolFor(const sampling::LabelFilter& filter) const;
  Answer Deal(const sampling::SampleRequest& request, size_t count,
              const Pool& pool, absl::Time now);
  std::string CheckDealt(const Pool& pool, size_t count) const;
  sampling::SampleResult ResultOf(const ModelBatch& batch,
                                  sampling::Shard shard, bool repeated) const;
  std::string CheckReport(const sampling::BatchReport& report);
  void Take(const sampling::GroupReport& report, ModelBatch& batch,
            ModelGroup& group, absl::Time now, sampling::ReportResult& result);
  void EndIfDone(ModelBatch& batch, storage::BatchState state, absl::Time now);
  ModelBatch* FindBatch(const std::string& id, std::string& reason);
  ModelGroup* FindGroup(ModelBatch& batch, const std::string& prompt_id);
  bool IsEvidence(const ModelPrompt& prompt, uint64_t sequence) const;
  double SuccessOf(double reward) const;
  double SuccessesOf(const ModelGroup& group) const;

  storage::RunSettings settings_;
  uint64_t epoch_;  // of the run; only to tell foreign batch ids
  Flaw flaw_;
  std::string display_name_;
  uint64_t revision_ = 1;
  double clock_ = 0;
  uint64_t oldest_ = 1;
  uint64_t arrivals_ = 0;
  std::vector<ModelPrompt> prompts_;
  std::vector<ModelBatch> batches_;
  uint64_t duplicates_ = 0;
  uint64_t late_ = 0;
  uint64_t superseded_ = 0;
  uint64_t expired_ = 0;   // groups, also those completed late
  uint64_t released_ = 0;  // likewise
  const sampling::SampleResult* dealt_ = nullptr;  // during Apply
  std::string violation_;
};

}  // namespace vade::simulation

#endif  // VADE_TESTS_SIMULATION_MODEL_H_
