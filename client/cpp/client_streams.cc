// The calls of Client that are not one request and one answer.
#include <algorithm>
#include <utility>

#include "client/cpp/client.h"
#include "client/cpp/transport.h"

namespace vade::client {
namespace {

constexpr absl::Duration kHealthPollPause = absl::Milliseconds(50);
// One probe of a server that accepts the connection and says nothing.
constexpr absl::Duration kHealthProbeTimeout = absl::Seconds(2);

absl::Time DeadlineOrNone(Transport& transport, const CallOptions& options) {
  return options.timeout.has_value() ? transport.DeadlineOf(options)
                                     : absl::InfiniteFuture();
}

// What came of one connection of a watch.
struct WatchResult {
  absl::Status status;
  bool any_message = false;
  bool done = false;
};

WatchResult WatchOnce(Transport& transport, const api::WatchRunRequest& request,
                      absl::FunctionRef<bool(const api::RunStats&)> on_stats,
                      Cancellation* cancellation, absl::Time deadline) {
  WatchResult result;
  grpc::ClientContext context;
  transport.SetDeadline(context, deadline);
  const CancellationScope scope(cancellation, context);
  auto reader = transport.sampler().WatchRun(&context, request);
  api::RunStats stats;
  while (!result.done && reader->Read(&stats)) {
    result.any_message = true;
    result.done = !on_stats(stats);
  }
  if (result.done) context.TryCancel();
  result.status = FromGrpc(reader->Finish());
  return result;
}

}  // namespace

absl::Status Client::ExportPrompts(
    const api::ExportPromptsRequest& request,
    absl::FunctionRef<absl::Status(const api::ExportPromptsResponse&)> on_chunk,
    const CallOptions& options) {
  const absl::Time deadline = DeadlineOrNone(*transport_, options);
  // Until the first message a call without a deadline repeats for as long as
  // any other.
  const absl::Time repeat_until =
      std::min(deadline, transport_->DeadlineOf(options));
  bool any_message = false;
  absl::Status callers_error;
  absl::Status streams_error;
  CallResult result = CallWithRetries(
      transport_->options().retry, RuleOf("ExportPrompts").repeatable,
      repeat_until, transport_->NextJitterSeed(), transport_->clock(), [&] {
        grpc::ClientContext context;
        transport_->SetDeadline(context, deadline);
        auto reader = transport_->sampler().ExportPrompts(&context, request);
        api::ExportPromptsResponse chunk;
        while (callers_error.ok() && reader->Read(&chunk)) {
          any_message = true;
          callers_error = on_chunk(chunk);
        }
        if (!callers_error.ok()) context.TryCancel();
        absl::Status status = FromGrpc(reader->Finish());
        if (!any_message) return status;
        // The reader has had a part, so this stream is the last one.
        streams_error = std::move(status);
        return absl::OkStatus();
      });
  if (!callers_error.ok()) return callers_error;
  return any_message ? streams_error : result.status;
}

absl::Status Client::WatchRun(
    const api::WatchRunRequest& request,
    absl::FunctionRef<bool(const api::RunStats&)> on_stats,
    Cancellation* cancellation, const CallOptions& options) {
  const absl::Time deadline = DeadlineOrNone(*transport_, options);
  while (true) {
    // Each time a message came, the patience and the pauses start afresh.
    WatchResult last;
    const absl::Time repeat_until =
        std::min(deadline, transport_->DeadlineOf(CallOptions{}));
    CallResult result = CallWithRetries(
        transport_->options().retry, RuleOf("WatchRun").repeatable,
        repeat_until, transport_->NextJitterSeed(), transport_->clock(), [&] {
          last =
              WatchOnce(*transport_, request, on_stats, cancellation, deadline);
          // A cancelled call looks like one that a stopping server cut off,
          // which is repeated; the caller's own wish is not.
          const bool cancelled =
              cancellation != nullptr && cancellation->cancelled();
          const bool over = last.done || last.any_message || cancelled;
          return over ? absl::OkStatus() : last.status;
        });
    if (last.done) return absl::OkStatus();
    if (cancellation != nullptr && cancellation->cancelled()) {
      return absl::CancelledError("the watch was cancelled");
    }
    if (!last.any_message) return result.status;
    if (!MayRepeat(last.status, Repeatable::kAlways)) return last.status;
    // A server that drains may greet each reader before it hangs up.
    transport_->clock().Sleep(transport_->options().retry.initial_backoff);
  }
}

absl::Status Client::CheckHealth(const CallOptions& options) {
  using grpc::health::v1::HealthCheckResponse;
  grpc::ClientContext context;
  transport_->SetDeadline(context, transport_->DeadlineOf(options));
  HealthCheckResponse response;
  absl::Status status =
      FromGrpc(transport_->health().Check(&context, {}, &response));
  if (!status.ok()) return status;
  if (response.status() == HealthCheckResponse::SERVING) {
    return absl::OkStatus();
  }
  return absl::UnavailableError(
      "the server is up but does not serve: it loads or drains");
}

absl::Status Client::WaitUntilServing(absl::Duration timeout) {
  Clock& clock = transport_->clock();
  const absl::Time deadline = clock.Now() + timeout;
  while (true) {
    const absl::Duration left = deadline - clock.Now();
    CallOptions probe;
    probe.timeout = std::min(kHealthProbeTimeout, left);
    absl::Status status = CheckHealth(probe);
    const bool wait = status.code() == absl::StatusCode::kUnavailable ||
                      status.code() == absl::StatusCode::kDeadlineExceeded;
    if (status.ok() || !wait) return status;
    if (clock.Now() + kHealthPollPause >= deadline) {
      return absl::UnavailableError(status.message());
    }
    clock.Sleep(kHealthPollPause);
  }
}

}  // namespace vade::client
