#include "client/cpp/client.h"

#include <utility>

#include "client/cpp/settled.h"
#include "client/cpp/transport.h"

namespace vade::client {
namespace {

using Stub = api::Sampler::Stub;

template <typename Request, typename Response>
using StubMethod = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&,
                                          Response*);

// One unary call with its repeats. What became of the attempts stands in
// `result`, which may be null.
template <typename Request, typename Response>
absl::StatusOr<Response> Call(Transport& transport, absl::string_view rule,
                              StubMethod<Request, Response> method,
                              const Request& request, absl::Time deadline,
                              CallResult* result = nullptr) {
  Response response;
  CallResult called =
      transport.Repeat(rule, deadline, [&](grpc::ClientContext& context) {
        response.Clear();
        return (transport.sampler().*method)(&context, request, &response);
      });
  absl::Status status = called.status;
  if (result != nullptr) *result = std::move(called);
  if (!status.ok()) return status;
  return response;
}

template <typename Request, typename Response>
absl::StatusOr<Response> Call(Transport& transport, absl::string_view rule,
                              StubMethod<Request, Response> method,
                              const Request& request,
                              const CallOptions& options) {
  return Call(transport, rule, method, request, transport.DeadlineOf(options));
}

// A delete that finds nothing after an attempt whose answer was lost has done
// its work.
template <typename Request>
absl::Status Delete(Transport& transport, absl::string_view rule,
                    StubMethod<Request, google::protobuf::Empty> method,
                    api::ErrorReason gone, const Request& request,
                    const CallOptions& options) {
  CallResult result;
  absl::Status status = Call(transport, rule, method, request,
                             transport.DeadlineOf(options), &result)
                            .status();
  if (result.maybe_applied && ErrorReasonOf(status) == gone) {
    return absl::OkStatus();
  }
  return status;
}

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) +
         absl::Nanoseconds(duration.nanos());
}

}  // namespace

Client::Client(std::unique_ptr<Transport> transport)
    : transport_(std::move(transport)) {}

Client::~Client() = default;

absl::StatusOr<std::unique_ptr<Client>> Client::Connect(ClientOptions options) {
  auto transport = Transport::Open(std::move(options));
  if (!transport.ok()) return transport.status();
  return std::unique_ptr<Client>(new Client(*std::move(transport)));
}

absl::StatusOr<api::Run> Client::CreateRun(const api::CreateRunRequest& request,
                                           const CallOptions& options) {
  CallResult result;
  const absl::Time deadline = transport_->DeadlineOf(options);
  absl::StatusOr<api::Run> created = Call(
      *transport_, "CreateRun", &Stub::CreateRun, request, deadline, &result);
  if (!result.maybe_applied ||
      ErrorReasonOf(created.status()) != api::RUN_EXISTS) {
    return created;
  }
  api::GetRunRequest get;
  get.set_name(RunName(request.run_id()));
  absl::StatusOr<api::Run> run =
      Call(*transport_, "GetRun", &Stub::GetRun, get, deadline);
  if (run.ok() && HasSettings(*run, request.run())) return run;
  return created;
}

absl::StatusOr<api::Run> Client::GetRun(const api::GetRunRequest& request,
                                        const CallOptions& options) {
  return Call(*transport_, "GetRun", &Stub::GetRun, request, options);
}

absl::StatusOr<api::ListRunsResponse> Client::ListRuns(
    const api::ListRunsRequest& request, const CallOptions& options) {
  return Call(*transport_, "ListRuns", &Stub::ListRuns, request, options);
}

absl::StatusOr<api::Run> Client::UpdateRun(const api::UpdateRunRequest& request,
                                           const CallOptions& options) {
  CallResult result;
  const absl::Time deadline = transport_->DeadlineOf(options);
  const bool has_etag = !request.run().etag().empty();
  absl::StatusOr<api::Run> updated =
      Call(*transport_, has_etag ? "UpdateRun(etag)" : "UpdateRun",
           &Stub::UpdateRun, request, deadline, &result);
  if (!result.maybe_applied ||
      ErrorReasonOf(updated.status()) != api::ETAG_MISMATCH) {
    return updated;
  }
  api::GetRunRequest get;
  get.set_name(request.run().name());
  absl::StatusOr<api::Run> run =
      Call(*transport_, "GetRun", &Stub::GetRun, get, deadline);
  if (run.ok() && HasSettings(*run, request.run(), request.update_mask())) {
    return run;
  }
  return updated;
}

absl::Status Client::DeleteRun(const api::DeleteRunRequest& request,
                               const CallOptions& options) {
  return Delete(*transport_, "DeleteRun", &Stub::DeleteRun, api::RUN_NOT_FOUND,
                request, options);
}

absl::StatusOr<api::Prompt> Client::GetPrompt(
    const api::GetPromptRequest& request, const CallOptions& options) {
  return Call(*transport_, "GetPrompt", &Stub::GetPrompt, request, options);
}

absl::StatusOr<api::BatchGetPromptsResponse> Client::BatchGetPrompts(
    const api::BatchGetPromptsRequest& request, const CallOptions& options) {
  return Call(*transport_, "BatchGetPrompts", &Stub::BatchGetPrompts, request,
              options);
}

absl::StatusOr<api::ListPromptsResponse> Client::ListPrompts(
    const api::ListPromptsRequest& request, const CallOptions& options) {
  return Call(*transport_, "ListPrompts", &Stub::ListPrompts, request, options);
}

absl::StatusOr<api::Prompt> Client::UpdatePrompt(
    const api::UpdatePromptRequest& request, const CallOptions& options) {
  return Call(*transport_, "UpdatePrompt", &Stub::UpdatePrompt, request,
              options);
}

absl::Status Client::DeletePrompt(const api::DeletePromptRequest& request,
                                  const CallOptions& options) {
  return Delete(*transport_, "DeletePrompt", &Stub::DeletePrompt,
                api::PROMPT_NOT_FOUND, request, options);
}

absl::StatusOr<api::SampleBatchResponse> Client::SampleBatch(
    const api::SampleBatchRequest& request, const CallOptions& options) {
  const absl::Time deadline =
      transport_->DeadlineOf(options, FromProto(request.max_wait()));
  if (!request.request_id().empty()) {
    return Call(*transport_, "SampleBatch", &Stub::SampleBatch, request,
                deadline);
  }
  api::SampleBatchRequest named = request;
  named.set_request_id(transport_->NewRequestId());
  return Call(*transport_, "SampleBatch", &Stub::SampleBatch, named, deadline);
}

absl::StatusOr<api::Batch> Client::GetBatch(const api::GetBatchRequest& request,
                                            const CallOptions& options) {
  return Call(*transport_, "GetBatch", &Stub::GetBatch, request, options);
}

absl::StatusOr<api::ListBatchesResponse> Client::ListBatches(
    const api::ListBatchesRequest& request, const CallOptions& options) {
  return Call(*transport_, "ListBatches", &Stub::ListBatches, request, options);
}

absl::StatusOr<api::Batch> Client::RenewBatch(
    const api::RenewBatchRequest& request, const CallOptions& options) {
  return Call(*transport_, "RenewBatch", &Stub::RenewBatch, request, options);
}

absl::StatusOr<api::Batch> Client::ReleaseBatch(
    const api::ReleaseBatchRequest& request, const CallOptions& options) {
  return Call(*transport_, "ReleaseBatch", &Stub::ReleaseBatch, request,
              options);
}

absl::StatusOr<api::ReportRewardsResponse> Client::ReportRewards(
    const api::ReportRewardsRequest& request, const CallOptions& options) {
  return Call(*transport_, "ReportRewards", &Stub::ReportRewards, request,
              options);
}

absl::StatusOr<api::RunStats> Client::GetRunStats(
    const api::GetRunStatsRequest& request, const CallOptions& options) {
  return Call(*transport_, "GetRunStats", &Stub::GetRunStats, request, options);
}

}  // namespace vade::client
