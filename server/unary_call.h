// UnaryCall: one unary RPC from its request to its answer. Held by whoever is
// going to answer; gRPC keeps the reactor, the request and the response until
// the answer is sent. Thread-compatible: exactly one End, on any thread.
#ifndef VADE_SERVER_UNARY_CALL_H_
#define VADE_SERVER_UNARY_CALL_H_

#include <chrono>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grpcpp/support/server_callback.h"
#include "server/messages.h"
#include "server/method.h"
#include "server/metrics.h"

namespace vade::server {

// Counts one call, of any kind, and how long it took. Thread-compatible.
class CallTimer {
 public:
  CallTimer(Metrics& metrics, Method method)
      : metrics_(metrics),
        method_(method),
        start_(std::chrono::steady_clock::now()) {
    metrics_.CallStarted();
  }
  void End(grpc::StatusCode code) {
    metrics_.CallEnded(
        method_, code,
        absl::FromChrono(std::chrono::steady_clock::now() - start_));
  }

 private:
  Metrics& metrics_;
  const Method method_;
  const std::chrono::steady_clock::time_point start_;
};

class UnaryCall {
 public:
  // `reactor`: the default one of the RPC's context, which costs gRPC no
  // thread switch at its end, or one that outlives the answer.
  UnaryCall(Metrics& metrics, Method method, grpc::ServerUnaryReactor* reactor)
      : timer_(metrics, method), reactor_(reactor) {}
  UnaryCall(const UnaryCall&) = delete;
  UnaryCall& operator=(const UnaryCall&) = delete;

  // What the RPC's method returns to gRPC.
  grpc::ServerUnaryReactor* reactor() const { return reactor_; }

  // Answers; to be called once. Returns the reactor, so that a method that
  // fails at once can return it.
  grpc::ServerUnaryReactor* End(const absl::Status& status);

 private:
  CallTimer timer_;
  grpc::ServerUnaryReactor* const reactor_;
};

// What an engine's call does with its answer: fills `response`, which lives as
// long as the call, and ends the call.
template <typename T, typename Response>
auto Answer(std::shared_ptr<UnaryCall> call, Response* response) {
  return [call = std::move(call), response](const absl::StatusOr<T>& result) {
    if (result.ok()) Fill(*result, *response);
    call->End(result.status());
  };
}

}  // namespace vade::server

#endif  // VADE_SERVER_UNARY_CALL_H_
