// The records that the sampler keeps, as plain values. How they become bytes
// is known to storage/encoding alone; what they mean is server/sampling's.
// Times are microseconds since the Unix epoch, durations microseconds.
//
// Keys: a run is known by its number, given once and never again; a prompt by
// its index in the run, a batch by its sequence number in the run, a group by
// its batch and its position in it.
#ifndef VADE_STORAGE_TYPES_H_
#define VADE_STORAGE_TYPES_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"

namespace vade::storage {

// Key: the store. Numbers that outlive every run.
struct RegistryRecord {
  uint32_t next_run_number = 1;
  // Epochs are part of batch ids, so they are unique over the whole store.
  uint64_t next_epoch = 1;

  bool operator==(const RegistryRecord&) const = default;
};

enum class RewardRuleKind : uint8_t { kRange = 1, kThreshold = 2 };

struct RewardRule {
  RewardRuleKind kind = RewardRuleKind::kRange;
  // kRange: [min, max] maps linearly to [0, 1]. kThreshold: success is
  // reward >= threshold; min and max are the rewards allowed.
  double min = 0;
  double max = 1;
  double threshold = 0.5;

  bool operator==(const RewardRule&) const = default;
};

struct RunSettings {
  uint64_t seed = 0;
  std::string policy = "vade";
  uint32_t group_size = 8;
  double selected_decay = 0.2;
  double unselected_decay = 0.999;
  double target_pass_rate = 0.5;
  double cooldown = 0;                // clock distance
  uint32_t reference_batch_size = 0;  // prompts; 0: each batch is one step
  RewardRule reward_rule;
  double starting_alpha = 0;
  double starting_beta = 0;
  int64_t lease_ttl_us = 0;
  uint64_t retained_deals = 0;
  int64_t retention_age_us = 0;

  bool operator==(const RunSettings&) const = default;
};

// Key: run number. Cold.
struct RunRecord {
  uint32_t number = 0;
  std::string id;
  std::string display_name;
  uint64_t epoch = 0;
  uint64_t revision = 1;  // grows with every update; the etag
  int64_t create_time_us = 0;
  int64_t update_time_us = 0;
  RunSettings settings;

  bool operator==(const RunRecord&) const = default;
};

inline constexpr int kDeciles = 10;
inline constexpr int kIntervalBuckets = 20;

// Key: run number. Hot: rewritten by every commit that changes the run.
struct RunProgress {
  double clock = 0;
  uint64_t next_sequence = 1;
  uint64_t oldest_sequence = 1;  // batches below are forgotten
  uint32_t next_prompt_index = 0;
  uint32_t current_pass = 1;

  // Totals since the run was created.
  uint64_t batches = 0;
  uint64_t deals = 0;
  uint64_t rollouts = 0;         // accepted with a reward
  uint64_t failed_rollouts = 0;  // accepted as failed
  uint64_t duplicate_rollouts = 0;
  uint64_t late_rollouts = 0;        // of rollouts + failed_rollouts
  uint64_t superseded_rollouts = 0;  // accepted, but no evidence any more
  uint64_t groups = 0;               // complete, with at least one reward
  uint64_t effective_groups = 0;     // of groups: rewards not all equal
  uint64_t failed_groups = 0;        // complete without any reward
  uint64_t expired_groups = 0;       // lease expired before completion
  uint64_t released_groups = 0;
  uint64_t never_solved_deals = 0;  // of deals: rolled out before, no success
  double successes = 0;
  double expected_effective_groups = 0;  // summed over deals
  double squared_error = 0;  // of predicted pass rate, over rollouts (Brier)
  // By decile of the posterior mean at the deal.
  std::array<uint64_t, kDeciles> calibration_rollouts{};
  std::array<double, kDeciles> calibration_predicted{};
  std::array<double, kDeciles> calibration_successes{};
  // Bucket k counts re-deals after a clock distance in [2^(k-8), 2^(k-7));
  // the first and the last bucket take what lies outside.
  std::array<uint64_t, kIntervalBuckets> redeal_intervals{};
  double redeal_interval_sum = 0;
  // Width in clock of one series bucket, a power of two.
  double series_width = 1;

  // No prompt's stored alpha + beta is or was above. Since version 2 of the
  // record; 0 in one of version 1, whose reader takes the maximum over all
  // prompt states.
  double max_evidence = 0;

  bool operator==(const RunProgress&) const = default;
};

// Key: run number, bucket. One point of the run's history over its clock,
// [bucket * series_width, (bucket + 1) * series_width).
struct SeriesRecord {
  uint64_t deals = 0;
  uint64_t groups = 0;
  uint64_t effective_groups = 0;
  uint64_t rollouts = 0;
  double successes = 0;
  double expected_effective_groups = 0;

  bool operator==(const SeriesRecord&) const = default;
};

// Key: run number, prompt index. Cold: what the user said about a prompt.
struct PromptInfo {
  std::string id;
  std::vector<std::pair<std::string, std::string>> labels;  // sorted by key
  bool enabled = true;
  // Kept only because a remembered batch dealt it.
  bool deleted = false;
  uint32_t payload_bytes = 0;  // the payload is a record of its own, raw

  bool operator==(const PromptInfo&) const = default;
};

// What the run learnt about a prompt. Key: run number, prompt index; but while
// a batch is remembered that dealt the prompt, the newest such batch has it,
// see StoredGroup, and many states of a forgotten batch are one record, see
// StoredStates.
struct PromptState {
  // Evidence just after the step at evidence_clock.
  double alpha = 0;
  double beta = 0;
  double evidence_clock = -1;
  // Groups of batches below this sequence are no evidence any more.
  uint64_t base_sequence = 0;
  // Sequence of the newest batch whose group is in the evidence; 0: none.
  uint64_t evidence_sequence = 0;
  uint64_t dealt_sequence = 0;  // newest batch that dealt it; 0: never
  double dealt_clock = 0;       // clock of that batch
  uint32_t dealt_position = 0;  // position in that batch
  uint32_t deals = 0;
  uint32_t pass = 0;  // pass of the shuffle that dealt it last
  uint32_t rollouts = 0;
  double successes = 0;

  bool operator==(const PromptState&) const = default;
};

struct BatchEntry {
  uint32_t prompt_index = 0;
  uint32_t pass = 0;
  double estimate = 0;      // the draw, or the posterior mean
  double score = 0;         // the objective at the estimate
  double mean = 0;          // posterior mean at the deal
  double expected_egr = 0;  // probability that the group is not zero-variance

  bool operator==(const BatchEntry&) const = default;
};

// Key: run number, sequence. Written once, when the batch is sampled.
struct BatchRecord {
  uint64_t sequence = 0;
  uint64_t epoch = 0;
  double clock = 0;
  int64_t create_time_us = 0;
  uint32_t group_size = 0;
  std::string request_id;  // empty: none
  uint64_t request_fingerprint = 0;
  std::vector<BatchEntry> entries;
  // The lease as it began. Since version 2 of the record; 0 in one of version
  // 1, which has a LeaseRecord from the beginning.
  int64_t lease_ttl_us = 0;
  int64_t lease_expire_time_us = 0;

  bool operator==(const BatchRecord&) const = default;
};

enum class BatchState : uint8_t {
  kInFlight = 1,
  kCompleted = 2,
  kReleased = 3,
  kExpired = 4,
};

// Key: run number, sequence. Written when the batch is renewed or ends; until
// then the lease is as the batch's record has it.
struct LeaseRecord {
  BatchState state = BatchState::kInFlight;
  int64_t ttl_us = 0;
  int64_t expire_time_us = 0;
  int64_t end_time_us = 0;  // 0 while in flight

  bool operator==(const LeaseRecord&) const = default;
};

enum class GroupState : uint8_t {
  kInFlight = 0,
  kCompleted = 1,
  kReleased = 2,
  kExpired = 3,
};

// What is known of a group of a batch.
struct GroupRecord {
  GroupState state = GroupState::kInFlight;
  bool in_evidence = false;  // selected_decay was applied for it
  bool varied = false;       // two different rewards were seen
  uint32_t rewards = 0;      // rollouts with a reward
  uint32_t failed = 0;       // rollouts reported as failed
  double successes = 0;
  double first_reward = 0;  // of any rollout; meaningful if rewards > 0
  // Evidence of the prompt before this group, for groups that come in out of
  // order; meaningful if in_evidence.
  double before_alpha = 0;
  double before_beta = 0;
  double before_clock = 0;
  // Bit i of word i / 64: rollout i was reported.
  absl::InlinedVector<uint64_t, 1> reported;

  bool operator==(const GroupRecord&) const = default;
};

// Key: run number, sequence, position. Absent until something is reported of
// the group, the group leaves the batch by itself, or its prompt changes.
struct StoredGroup {
  GroupRecord group;
  // State of the group's prompt. The newest one of a prompt is in its newest
  // group that has one: a group has it whenever it is written, unless a later
  // group of the prompt is stored. Since version 2 of the record; absent in
  // version 1, where a prompt's state is always under its own key.
  std::optional<PromptState> prompt;

  bool operator==(const StoredGroup&) const = default;
};

// Key: run number, sequence. The groups of a batch in one record, by position;
// one that has a record of its own too is as that says.
struct StoredGroups {
  std::vector<std::optional<StoredGroup>> groups;

  bool operator==(const StoredGroups&) const = default;
};

struct PromptWithState {
  uint32_t prompt_index = 0;
  PromptState state;

  bool operator==(const PromptWithState&) const = default;
};

// Key: run number, sequence of a forgotten batch. Prompts that the batch was
// the newest to deal; in one that was dealt again since, a state is out of
// date. So it is if the prompt's own record has the same dealt_sequence.
struct StoredStates {
  std::vector<PromptWithState> prompts;  // in the order of the batch

  bool operator==(const StoredStates&) const = default;
};

}  // namespace vade::storage

#endif  // VADE_STORAGE_TYPES_H_
