// What callers ask of a run and what it answers, as plain values: the API's
// messages without protobuf. Ranges are those of the proto comments; the
// server validates them before they come here.
#ifndef VADE_SERVER_SAMPLING_REQUESTS_H_
#define VADE_SERVER_SAMPLING_REQUESTS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/time/time.h"
#include "server/sampling/limits.h"
#include "server/sampling/posterior.h"
#include "storage/types.h"

namespace vade::sampling {

using Labels = std::vector<std::pair<std::string, std::string>>;

// A prompt matches if, for every term, its label `key` is one of `values`.
struct LabelTerm {
  std::string key;
  std::vector<std::string> values;

  bool operator==(const LabelTerm&) const = default;
};
using LabelFilter = std::vector<LabelTerm>;

// ---- Prompts

struct PromptSpec {
  std::string id;
  std::string payload;
  Labels labels;
  bool enabled = true;
  std::optional<Evidence> evidence;
};

enum class ExistingPrompts { kUpdate, kSkip, kFail };

struct ImportRequest {
  std::vector<PromptSpec> prompts;
  ExistingPrompts existing = ExistingPrompts::kUpdate;
};

struct ImportResult {
  uint64_t created = 0;
  uint64_t updated = 0;
  uint64_t skipped = 0;
};

// Fields that are set are changed.
struct PromptChange {
  std::string id;
  std::optional<bool> enabled;
  std::optional<Labels> labels;
  std::optional<std::string> payload;
  std::optional<Evidence> evidence;
};

// A prompt as of the run's clock now. The payload is not here: it is read from
// the store by `index`.
struct PromptInfo {
  uint32_t index = 0;
  std::string id;
  Labels labels;
  bool enabled = true;
  bool in_flight = false;
  uint32_t payload_bytes = 0;
  Evidence evidence;
  double posterior_mean = 0;
  double expected_egr = 0;
  uint64_t deals = 0;
  uint64_t rollouts = 0;
  double successes = 0;
  std::string last_batch;
  std::optional<double> last_dealt_clock;
  std::optional<double> last_draw;
  std::optional<double> last_score;
};

enum class PromptView {
  kAll,
  kEnabled,
  kDisabled,
  kInFlight,
  kNeverSolved,
  kNeverDealt,
};

enum class PromptOrder {
  kImport,
  kPosteriorMean,
  kExpectedEgr,
  kEvidence,
  kDealCount,
  kLastDealt,
};

// A place in an ordered list: just after the prompt with this key and index.
struct PromptPosition {
  double key = 0;
  uint32_t index = 0;
};

struct ListPromptsQuery {
  LabelFilter filter;
  PromptView view = PromptView::kAll;
  PromptOrder order = PromptOrder::kImport;
  bool descending = false;
  size_t page_size = kDefaultPageSize;
  std::optional<PromptPosition> after;
};

struct PromptPage {
  std::vector<PromptInfo> prompts;
  uint64_t total = 0;
  // Where the next page starts; nullopt at the end.
  std::optional<PromptPosition> next;
};

struct PromptChunk {
  std::vector<PromptInfo> prompts;
  // Index at which the next chunk begins; nullopt at the end.
  std::optional<uint32_t> next;
};

// ---- Batches

struct Shard {
  uint32_t index = 0;
  uint32_t count = 1;
};

struct SampleRequest {
  uint32_t batch_size = 0;
  uint32_t min_batch_size = 0;  // 1 to batch_size
  std::string request_id;       // empty: none
  Shard shard;
  LabelFilter filter;
  std::optional<absl::Duration> lease_ttl;
  bool include_payloads = false;
};

struct SampledPrompt {
  uint32_t index = 0;
  std::string id;
  double draw = 0;
  double score = 0;
  double posterior_mean = 0;
  double expected_egr = 0;
};

struct SampleResult {
  std::string batch_id;
  std::vector<SampledPrompt> prompts;  // the shard's part
  uint32_t batch_size = 0;             // of the whole batch
  uint32_t group_size = 0;
  absl::Time expire_time;
  double clock = 0;
  double expected_egr = 0;
  bool repeated = false;
};

struct GroupInfo {
  SampledPrompt prompt;
  storage::GroupState state = storage::GroupState::kInFlight;
  uint32_t rewards = 0;
  double successes = 0;
  uint32_t failed = 0;
  bool varied = false;
};

struct BatchInfo {
  std::string id;
  uint64_t sequence = 0;
  storage::BatchState state = storage::BatchState::kInFlight;
  uint32_t batch_size = 0;
  uint32_t group_size = 0;
  double clock = 0;
  double expected_egr = 0;
  std::string request_id;
  absl::Time create_time;
  absl::Time expire_time;
  std::optional<absl::Time> end_time;
  uint32_t in_flight = 0;
  uint32_t completed = 0;
  std::vector<GroupInfo> groups;  // GetBatch only
};

struct ListBatchesQuery {
  std::optional<storage::BatchState> state;
  size_t page_size = kDefaultPageSize;
  // Only batches with a smaller sequence.
  std::optional<uint64_t> before_sequence;
};

struct BatchPage {
  std::vector<BatchInfo> batches;  // newest first
  std::optional<uint64_t> next_before_sequence;
};

// ---- Reports

struct RolloutReward {
  uint32_t rollout_index = 0;
  double reward = 0;
};

struct GroupReport {
  std::string prompt_id;
  absl::InlinedVector<RolloutReward, kDefaultGroupSize> rewards;
  std::vector<uint32_t> failed;
  bool final = false;
};

struct BatchReport {
  std::string batch_id;
  std::vector<GroupReport> groups;
};

struct ReportResult {
  uint32_t accepted = 0;
  uint32_t failed = 0;
  uint32_t duplicate = 0;
  uint32_t late = 0;
  uint32_t superseded = 0;
  uint32_t completed_groups = 0;
  uint32_t zero_variance_groups = 0;
};

// ---- Runs

// A run with its counts now.
struct RunInfo {
  storage::RunRecord record;
  double clock = 0;
  uint64_t batches = 0;
  uint64_t prompts = 0;
  uint64_t disabled = 0;
  uint64_t in_flight = 0;
};

// Fields that are set are changed.
struct RunChange {
  std::string etag;  // empty: whatever it is
  std::optional<std::string> display_name;
  std::optional<uint32_t> group_size;
  std::optional<uint32_t> reference_batch_size;
  std::optional<double> cooldown;
  std::optional<double> target_pass_rate;
  std::optional<absl::Duration> lease_ttl;
  std::optional<Evidence> starting_evidence;
  std::optional<uint64_t> retained_deals;
  std::optional<absl::Duration> retention_age;
};

struct SeriesPoint {
  double start_clock = 0;
  double end_clock = 0;
  storage::SeriesRecord counts;
};

struct LabelShare {
  std::string key;
  std::string value;
  uint64_t prompts = 0;
  uint64_t deals = 0;
  uint64_t ever_dealt = 0;
};

struct RunStatsInfo {
  RunInfo run;
  storage::RunProgress totals;
  uint64_t in_flight_batches = 0;
  std::array<uint64_t, kPassRateBins> pass_rates{};
  std::vector<SeriesPoint> series;
  uint64_t ever_dealt = 0;      // prompts
  uint64_t recently_dealt = 0;  // prompts, within the newest N deals
  uint64_t never_solved = 0;    // prompts rolled out and never solved
  std::vector<LabelShare> labels;
  uint64_t omitted_labels = 0;
};

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_REQUESTS_H_
