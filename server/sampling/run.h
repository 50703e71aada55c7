// Run: the state machine of one training run: prompts, batches, leases,
// reports, clock and statistics, all in memory, with every change also noted as
// bytes for the store. Deterministic: time, seed and requests alone decide.
//
// Owned by a RunQueue, which calls it from one thread at a time, writes what
// TakeMutation returns, and answers callers afterwards. Thread-compatible.
//
// Calls that change state are all or nothing: after an error, nothing of the
// request was applied. Leases that are due at `now` expire first either way.
#ifndef VADE_SERVER_SAMPLING_RUN_H_
#define VADE_SERVER_SAMPLING_RUN_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/sampling/batch_table.h"
#include "server/sampling/forgotten_batches.h"
#include "server/sampling/limits.h"
#include "server/sampling/prompt_table.h"
#include "server/sampling/requests.h"
#include "server/sampling/run_stats.h"
#include "server/sampling/selector.h"
#include "storage/mutation.h"
#include "storage/store.h"
#include "storage/types.h"

namespace vade::sampling {

class Run {
 public:
  // A new, empty run. Its first mutation creates it. `record` was checked by
  // ValidateSettings.
  static absl::StatusOr<std::unique_ptr<Run>> Create(storage::RunRecord record,
                                                     RunLimits limits = {});

  // The run as the store has it. DATA_LOSS (CORRUPT_RECORD) and
  // FAILED_PRECONDITION (NEWER_FORMAT) from decoding; UNAVAILABLE from the
  // store. A lease that ends later than its ttl from `now`, because the wall
  // clock went back between two lives of the server, is cut to that.
  static absl::StatusOr<std::unique_ptr<Run>> Load(storage::RunRecord record,
                                                   const storage::Store& store,
                                                   absl::Time now,
                                                   RunLimits limits = {});

  const storage::RunRecord& record() const { return record_; }

  // ---- Changes

  // ABORTED (ETAG_MISMATCH).
  absl::StatusOr<RunInfo> Update(const RunChange& change, absl::Time now);
  // Removes everything of the run from the store; every later call that
  // changes state answers RUN_NOT_FOUND. ABORTED (ETAG_MISMATCH).
  absl::Status Delete(const std::string& etag);

  // ALREADY_EXISTS (PROMPT_EXISTS), RESOURCE_EXHAUSTED (TOO_MANY_PROMPTS).
  absl::StatusOr<ImportResult> Import(const ImportRequest& request,
                                      absl::Time now);
  // NOT_FOUND (PROMPT_NOT_FOUND).
  absl::StatusOr<PromptInfo> UpdatePrompt(const PromptChange& change,
                                          absl::Time now);
  absl::Status DeletePrompt(const std::string& prompt_id, absl::Time now);

  // RESOURCE_EXHAUSTED (NOT_ENOUGH_ELIGIBLE, PAYLOADS_TOO_LARGE),
  // FAILED_PRECONDITION (POOL_TOO_SMALL, TOO_MANY_BATCHES), INVALID_ARGUMENT
  // (REQUEST_ID_REUSED).
  absl::StatusOr<SampleResult> Sample(const SampleRequest& request,
                                      absl::Time now);
  // NOT_FOUND (BATCH_NOT_FOUND), FAILED_PRECONDITION (BATCH_NOT_IN_FLIGHT,
  // BATCH_OF_OTHER_EPOCH).
  absl::StatusOr<BatchInfo> Renew(const std::string& batch_id,
                                  std::optional<absl::Duration> ttl,
                                  absl::Time now);
  // NOT_FOUND (BATCH_NOT_FOUND, PROMPT_NOT_IN_BATCH), FAILED_PRECONDITION
  // (BATCH_OF_OTHER_EPOCH). `prompt_ids` empty: all.
  absl::StatusOr<BatchInfo> Release(const std::string& batch_id,
                                    const std::vector<std::string>& prompt_ids,
                                    absl::Time now);
  // NOT_FOUND (BATCH_NOT_FOUND, PROMPT_NOT_IN_BATCH), INVALID_ARGUMENT
  // (REWARD_OUT_OF_RULE, ROLLOUT_INDEX_OUT_OF_RANGE), FAILED_PRECONDITION
  // (BATCH_OF_OTHER_EPOCH).
  absl::StatusOr<ReportResult> Report(const std::vector<BatchReport>& reports,
                                      absl::Time now);

  // Expires leases that are due and forgets batches beyond retention.
  void Tick(absl::Time now);

  // ---- Reads; they never change anything

  RunInfo Info() const;
  // The totals, without the cost of Stats.
  const storage::RunProgress& progress() const { return progress_; }
  RunStatsInfo Stats() const;
  absl::StatusOr<PromptInfo> GetPrompt(const std::string& prompt_id) const;
  // Takes time O(prompts).
  PromptPage ListPrompts(const ListPromptsQuery& query) const;
  // Up to `limit` matching prompts from index `begin` on, in order of import,
  // after looking at no more than kMaxExportScan.
  PromptChunk Export(const LabelFilter& filter, uint32_t begin,
                     size_t limit) const;
  // NOT_FOUND (BATCH_NOT_FOUND).
  absl::StatusOr<BatchInfo> GetBatch(const std::string& batch_id) const;
  BatchPage ListBatches(const ListBatchesQuery& query) const;
  // Whether Sample with this request id would repeat an earlier batch.
  bool HasRequestId(const std::string& request_id) const;

  // ---- For the owner

  // All changes since the last call, to be written as one.
  storage::Mutation TakeMutation();
  // Bytes that the next mutation has already, hot records not counted.
  size_t pending_bytes() const { return pending_.bytes(); }
  // Grows whenever prompts may have become eligible.
  uint64_t eligible_version() const { return eligible_version_; }
  // When Tick has work next; InfiniteFuture if never.
  absl::Time NextTick() const;

  // Checks every invariant that ties the parts together; OK or INTERNAL with
  // the first one broken. For tests and `--check`; takes time O(prompts +
  // deals).
  absl::Status CheckInvariants() const;

 private:
  // A group that a report names, found and checked.
  struct ReportedGroup;

  Run(storage::RunRecord record, RunLimits limits);

  // Loading; called in this order.
  absl::Status LoadProgress(const storage::Store& store);
  absl::Status LoadPrompts(const storage::Store& store);
  absl::Status LoadForgotten(const storage::Store& store);
  absl::Status LoadPromptStates(const storage::Store& store);
  absl::Status LoadBatches(const storage::Store& store);
  absl::Status LoadLeases(const storage::Store& store, absl::Time now);
  absl::Status LoadGroups(const storage::Store& store);
  void DropForgottenPrompts();
  void AdoptInFlight();
  // Of LoadForgotten, LoadPromptStates and LoadGroups: whether the state can
  // be; its taking, unless one is known that came of a later deal.
  bool IsPossible(const storage::PromptState& state) const;
  void AdoptState(uint32_t index, const storage::PromptState& state);
  // Of LoadGroups: a record of all groups of a batch, and one group.
  absl::Status AdoptGroups(Batch& batch, const storage::Cursor& cursor);
  absl::Status AdoptGroup(Batch& batch, uint32_t position, GroupPlace place,
                          const storage::StoredGroup& stored,
                          const storage::Cursor& cursor);

  // Parts of CheckInvariants. `leased`: by prompt, how many groups lease it.
  absl::Status CheckPrompts(const std::vector<uint32_t>& leased) const;
  absl::Status CheckForgotten() const;
  absl::Status CheckEvidence(uint32_t index, const std::string& where) const;
  // What a prompt adds to the counts, found the plain way.
  PromptCounts CountsOf(uint32_t index) const;

  absl::Status CheckAlive() const;
  absl::Status CheckEtag(const std::string& etag) const;
  double clock() const { return progress_.clock; }

  // Prompts.
  absl::Status CheckImport(const ImportRequest& request) const;
  void CreatePrompt(const PromptSpec& spec);
  void ChangePrompt(uint32_t index, const PromptSpec& spec);
  void PutPromptInfo(uint32_t index, const storage::PromptInfo& info);
  void PutPayload(uint32_t index, const std::string& payload);
  void SetEvidence(uint32_t index, Evidence evidence);
  // `evidence` is about to be stored; progress_dirty_ is set if that raises
  // the maximum.
  void RaiseMaxEvidence(Evidence evidence);
  Evidence EvidenceNow(uint32_t index) const;
  PromptInfo DescribePrompt(uint32_t index) const;
  double OrderKey(uint32_t index, PromptOrder order) const;

  // Sampling.
  struct Candidates;
  Candidates FindCandidates(const LabelFilter& filter);
  absl::StatusOr<SampleResult> RepeatSample(const Batch& batch,
                                            const SampleRequest& request) const;
  // `prompts`: those of the whole batch, by index.
  absl::Status CheckPayloads(const SampleRequest& request,
                             const std::vector<uint32_t>& prompts) const;
  // `prompts`: those of the selection, in its order.
  Batch& Deal(const SampleRequest& request, const Selection& selection,
              const std::vector<uint32_t>& prompts, absl::Time now);
  // What the deal of an entry changes in the state of its prompt. It is not
  // written: see run_records.cc.
  void NoteDeal(const storage::BatchRecord& batch, uint32_t position);
  // The answer without its prompts, whose texts are most of it.
  SampleResult SummarizeSample(const Batch& batch) const;
  SampleResult DescribeSample(const Batch& batch, const Shard& shard) const;

  // Leases.
  absl::StatusOr<Batch*> FindBatch(const std::string& batch_id);
  absl::StatusOr<const Batch*> FindBatch(const std::string& batch_id) const;
  void ExpireDue(absl::Time now);
  void ForgetOld(absl::Time now);
  void ForgetOldest();
  // Hints for the prompts of up to `count` groups of `batch`, those from `from`
  // on; kPrefetched at most, which is what the nearer caches hold.
  static constexpr size_t kPrefetched = 256;
  void PrefetchPrompts(const Batch& batch, size_t from, size_t count) const;
  void FreeGroup(Batch& batch, uint32_t position, storage::GroupState state);
  void FreeAll(Batch& batch, storage::GroupState group_state,
               storage::BatchState batch_state, absl::Time now);
  void EndIfComplete(Batch& batch, absl::Time now);
  BatchInfo DescribeBatch(const Batch& batch, bool with_groups) const;

  // Reports.
  absl::StatusOr<std::vector<ReportedGroup>> Resolve(
      const std::vector<BatchReport>& reports);
  // `field` says where in the request the group is.
  absl::Status CheckRollouts(const GroupReport& report, const Batch& batch,
                             absl::FunctionRef<std::string()> field) const;
  // What is known of the prompts' positions in one batch.
  struct Positions {
    // Where the next prompt is, if they are named in the batch's order.
    uint32_t next = 0;
    // All of them; empty until they are needed.
    absl::flat_hash_map<absl::string_view, uint32_t> by_id;
  };
  std::optional<uint32_t> FindPosition(const Batch& batch,
                                       const std::string& prompt_id,
                                       Positions& positions) const;
  void ApplyGroup(const ReportedGroup& reported, absl::Time now,
                  ReportResult& result);
  // Folds the group into the evidence of `prompt`, the state of its prompt.
  void UpdateEvidence(Batch& batch, uint32_t position,
                      storage::PromptState& prompt);
  std::vector<std::pair<Batch*, uint32_t>> LaterGroups(uint32_t index,
                                                       uint64_t after);

  // What the next mutation must hold; see run_records.cc.
  void TouchPrompt(uint32_t index);
  void TouchGroup(Batch& batch, uint32_t position);
  void TouchLease(Batch& batch);
  void FlushRecords();
  void FlushForgotten(uint64_t sequence);
  void FlushPrompts();
  void FlushGroups(Batch& batch);
  void FlushTogether(Batch& batch);
  // Of `prompts`, those there are that batch `sequence` was the last to deal.
  uint32_t CountDealtLast(uint64_t sequence,
                          const std::vector<uint32_t>& prompts) const;
  // `newest` and `position`: PromptTable::LastDeal of the prompt.
  bool KeepsPrompt(const Batch& batch, uint32_t index, uint64_t newest,
                   uint32_t position) const;

  storage::RunRecord record_;
  const RunLimits limits_;
  bool deleted_ = false;
  std::unique_ptr<Selector> selector_;
  PromptTable prompts_;
  BatchTable batches_;
  ForgottenBatches forgotten_;
  storage::RunProgress progress_;
  RunStats stats_;  // refers to progress_
  uint64_t eligible_version_ = 0;

  storage::Mutation pending_;
  bool progress_dirty_ = false;
  std::vector<uint32_t> dirty_prompts_;
  absl::btree_set<uint64_t> dirty_batches_;  // by sequence
  // Batches below are deleted from the store; those between this and
  // progress_.oldest_sequence are forgotten and not deleted yet.
  uint64_t deleted_below_ = 1;
};

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_RUN_H_
