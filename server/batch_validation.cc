// Requests about batches.
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/field_checks.h"
#include "server/sampling/limits.h"
#include "server/validation.h"

namespace vade::server {
namespace {

namespace api = sampler::v1;

absl::Status CheckShard(const api::SampleBatchRequest& request) {
  if (!request.has_shard()) return absl::OkStatus();
  const FieldPath root("shard");
  absl::Status status = CheckCount({root, "count"}, request.shard().count(), 1,
                                   sampling::kMaxShards);
  if (status.ok()) {
    status = CheckCount({root, "index"}, request.shard().index(), 0,
                        request.shard().count() - 1);
  }
  if (status.ok() && request.request_id().empty()) {
    status = Refuse("request_id", "''",
                    "must be set with shard, so that all shards are of one "
                    "batch");
  }
  return status;
}

absl::StatusOr<std::optional<storage::BatchState>> ParseState(
    api::Batch::State state) {
  switch (state) {
    case api::Batch::STATE_UNSPECIFIED:
      return std::nullopt;
    case api::Batch::IN_FLIGHT:
      return storage::BatchState::kInFlight;
    case api::Batch::COMPLETED:
      return storage::BatchState::kCompleted;
    case api::Batch::RELEASED:
      return storage::BatchState::kReleased;
    case api::Batch::EXPIRED:
      return storage::BatchState::kExpired;
    default:
      return Refuse("state", absl::StrCat(state),
                    "must be a value of Batch.State");
  }
}

absl::StatusOr<std::optional<absl::Duration>> ParseTtl(
    bool has_ttl, const google::protobuf::Duration& ttl) {
  if (!has_ttl) return std::nullopt;
  absl::StatusOr<absl::Duration> parsed = ParseDuration(
      "lease_ttl", ttl, sampling::kMinLeaseTtl, sampling::kMaxLeaseTtl);
  if (!parsed.ok()) return parsed.status();
  return *parsed;
}

}  // namespace

absl::StatusOr<SampleBatchCall> ParseSampleBatch(
    const api::SampleBatchRequest& request) {
  absl::StatusOr<std::string> run_id = ParseRunName("run", request.run());
  if (!run_id.ok()) return run_id.status();
  absl::Status status = CheckCount("batch_size", request.batch_size(), 1,
                                   sampling::kMaxBatchSize);
  if (status.ok()) {
    status = CheckCount("min_batch_size", request.min_batch_size(), 0,
                        request.batch_size());
  }
  if (status.ok()) {
    status = CheckText("request_id", request.request_id(),
                       sampling::kMaxRequestIdBytes);
  }
  if (status.ok()) status = CheckShard(request);
  if (!status.ok()) return status;

  SampleBatchCall call;
  call.run_id = *std::move(run_id);
  call.request.batch_size = request.batch_size();
  call.request.min_batch_size = request.min_batch_size() != 0
                                    ? request.min_batch_size()
                                    : request.batch_size();
  call.request.request_id = request.request_id();
  if (request.has_shard()) {
    call.request.shard = {request.shard().index(), request.shard().count()};
  }
  call.request.include_payloads = request.include_payloads();
  absl::StatusOr<sampling::LabelFilter> filter = ParseFilter(request.filter());
  if (!filter.ok()) return filter.status();
  call.request.filter = *std::move(filter);
  absl::StatusOr<absl::Duration> max_wait =
      ParseDuration("max_wait", request.max_wait(), absl::ZeroDuration(),
                    sampling::kMaxSampleWait);
  if (!max_wait.ok()) return max_wait.status();
  call.max_wait = *max_wait;
  absl::StatusOr<std::optional<absl::Duration>> ttl =
      ParseTtl(request.has_lease_ttl(), request.lease_ttl());
  if (!ttl.ok()) return ttl.status();
  call.request.lease_ttl = *ttl;
  return call;
}

absl::StatusOr<BatchName> ParseGetBatch(const api::GetBatchRequest& request) {
  return ParseBatchName("name", request.name());
}

absl::StatusOr<ListBatchesCall> ParseListBatches(
    const api::ListBatchesRequest& request) {
  absl::StatusOr<std::string> run_id = ParseRunName("run", request.run());
  if (!run_id.ok()) return run_id.status();
  ListBatchesCall call;
  call.run_id = *std::move(run_id);
  absl::StatusOr<std::optional<storage::BatchState>> state =
      ParseState(request.state());
  if (!state.ok()) return state.status();
  call.query.state = *state;
  absl::StatusOr<size_t> page_size = ParsePageSize(request.page_size());
  if (!page_size.ok()) return page_size.status();
  call.query.page_size = *page_size;
  return call;
}

absl::StatusOr<RenewBatchCall> ParseRenewBatch(
    const api::RenewBatchRequest& request) {
  absl::StatusOr<BatchName> name = ParseBatchName("name", request.name());
  if (!name.ok()) return name.status();
  absl::StatusOr<std::optional<absl::Duration>> ttl =
      ParseTtl(request.has_lease_ttl(), request.lease_ttl());
  if (!ttl.ok()) return ttl.status();
  return RenewBatchCall{*std::move(name), *ttl};
}

absl::StatusOr<ReleaseBatchCall> ParseReleaseBatch(
    const api::ReleaseBatchRequest& request) {
  absl::StatusOr<BatchName> name = ParseBatchName("name", request.name());
  if (!name.ok()) return name.status();
  absl::Status status = CheckCount("prompt_ids", request.prompt_ids_size(), 0,
                                   sampling::kMaxBatchSize);
  for (int i = 0; status.ok() && i < request.prompt_ids_size(); ++i) {
    status = CheckPromptId({"prompt_ids", i}, request.prompt_ids(i));
  }
  if (!status.ok()) return status;
  return ReleaseBatchCall{
      *std::move(name),
      {request.prompt_ids().begin(), request.prompt_ids().end()}};
}

}  // namespace vade::server
