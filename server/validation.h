// What callers sent, checked field by field and turned into the engine's plain
// requests: one function a request. Each answers INVALID_ARGUMENT naming field,
// value and rule (INVALID_FIELD unless said otherwise) and takes its limits
// from server/sampling/limits.h. What depends on the state of a run is checked
// by the engine. Pure functions, thread-safe.
#ifndef VADE_SERVER_VALIDATION_H_
#define VADE_SERVER_VALIDATION_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/resource_names.h"
#include "server/sampling/requests.h"
#include "server/sampling/settings.h"
#include "vade/sampler/v1/batch.pb.h"
#include "vade/sampler/v1/prompt.pb.h"
#include "vade/sampler/v1/report.pb.h"
#include "vade/sampler/v1/run.pb.h"
#include "vade/sampler/v1/stats.pb.h"

namespace vade::server {

// ---- Runs

struct CreateRunCall {
  std::string run_id;
  std::string display_name;
  sampling::SettingsSpec settings;
};
absl::StatusOr<CreateRunCall> ParseCreateRun(
    const sampler::v1::CreateRunRequest& request);

absl::StatusOr<std::string> ParseGetRun(
    const sampler::v1::GetRunRequest& request);

struct ListRunsCall {
  size_t page_size = 0;
  std::string after;  // run id; empty: from the start
};
// INVALID_PAGE_TOKEN.
absl::StatusOr<ListRunsCall> ParseListRuns(
    const sampler::v1::ListRunsRequest& request);

struct UpdateRunCall {
  std::string run_id;
  sampling::RunChange change;
};
// FIELD_IMMUTABLE. A field that the mask names and the run does not set goes
// back to its default.
absl::StatusOr<UpdateRunCall> ParseUpdateRun(
    const sampler::v1::UpdateRunRequest& request);

struct DeleteRunCall {
  std::string run_id;
  std::string etag;
  bool allow_missing = false;
};
absl::StatusOr<DeleteRunCall> ParseDeleteRun(
    const sampler::v1::DeleteRunRequest& request);

absl::StatusOr<std::string> ParseGetRunStats(
    const sampler::v1::GetRunStatsRequest& request);

struct WatchRunCall {
  std::string run_id;
  absl::Duration interval;
};
absl::StatusOr<WatchRunCall> ParseWatchRun(
    const sampler::v1::WatchRunRequest& request);

// ---- Prompts

// One message of an import. `run_id` is empty where the message leaves it so.
struct ImportMessage {
  std::string run_id;
  std::optional<sampling::ExistingPrompts> existing;
  std::vector<sampling::PromptSpec> prompts;
};
// Takes payloads out of `request`. A prompt may come once in a message.
absl::StatusOr<ImportMessage> ParseImportMessage(
    sampler::v1::ImportPromptsRequest& request);

struct ExportPromptsCall {
  std::string run_id;
  sampling::LabelFilter filter;
  bool include_payloads = false;
};
absl::StatusOr<ExportPromptsCall> ParseExportPrompts(
    const sampler::v1::ExportPromptsRequest& request);

struct GetPromptsCall {
  std::string run_id;
  std::vector<std::string> prompt_ids;
  bool include_payloads = false;
};
absl::StatusOr<GetPromptsCall> ParseGetPrompt(
    const sampler::v1::GetPromptRequest& request);
absl::StatusOr<GetPromptsCall> ParseBatchGetPrompts(
    const sampler::v1::BatchGetPromptsRequest& request);

struct ListPromptsCall {
  std::string run_id;
  sampling::ListPromptsQuery query;  // `after` is the page token's matter
  bool include_payloads = false;
};
absl::StatusOr<ListPromptsCall> ParseListPrompts(
    const sampler::v1::ListPromptsRequest& request);

struct UpdatePromptCall {
  std::string run_id;
  sampling::PromptChange change;
};
absl::StatusOr<UpdatePromptCall> ParseUpdatePrompt(
    const sampler::v1::UpdatePromptRequest& request);

absl::StatusOr<PromptName> ParseDeletePrompt(
    const sampler::v1::DeletePromptRequest& request);

// ---- Batches

struct SampleBatchCall {
  std::string run_id;
  sampling::SampleRequest request;
  absl::Duration max_wait;
};
absl::StatusOr<SampleBatchCall> ParseSampleBatch(
    const sampler::v1::SampleBatchRequest& request);

absl::StatusOr<BatchName> ParseGetBatch(
    const sampler::v1::GetBatchRequest& request);

struct ListBatchesCall {
  std::string run_id;
  sampling::ListBatchesQuery query;  // the start is the page token's matter
};
absl::StatusOr<ListBatchesCall> ParseListBatches(
    const sampler::v1::ListBatchesRequest& request);

struct RenewBatchCall {
  BatchName name;
  std::optional<absl::Duration> lease_ttl;
};
absl::StatusOr<RenewBatchCall> ParseRenewBatch(
    const sampler::v1::RenewBatchRequest& request);

struct ReleaseBatchCall {
  BatchName name;
  std::vector<std::string> prompt_ids;  // empty: all
};
absl::StatusOr<ReleaseBatchCall> ParseReleaseBatch(
    const sampler::v1::ReleaseBatchRequest& request);

// ---- Reports

struct ReportRewardsCall {
  std::string run_id;
  std::vector<sampling::BatchReport> reports;
};
// REWARD_OUT_OF_RULE for NaN and infinity; TOO_MANY_ROLLOUTS.
absl::StatusOr<ReportRewardsCall> ParseReportRewards(
    const sampler::v1::ReportRewardsRequest& request);

}  // namespace vade::server

#endif  // VADE_SERVER_VALIDATION_H_
