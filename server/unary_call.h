// UnaryCall: one unary RPC from its request to its answer. Owns itself until
// gRPC is done with it; whoever answers holds it by shared_ptr meanwhile.
// Thread-compatible: exactly one End, on any thread.
#ifndef VADE_SERVER_UNARY_CALL_H_
#define VADE_SERVER_UNARY_CALL_H_

#include <chrono>
#include <functional>
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

class UnaryCall : public grpc::ServerUnaryReactor {
 public:
  // Keeps `call` alive until gRPC is done with it.
  template <typename Call, typename... Args>
  static std::shared_ptr<Call> Start(Args&&... args) {
    auto call = std::make_shared<Call>(std::forward<Args>(args)...);
    call->self_ = call;
    return call;
  }

  UnaryCall(Metrics& metrics, Method method) : timer_(metrics, method) {}

  // Answers; to be called once. Returns the reactor, so that a method that
  // fails at once can return it.
  grpc::ServerUnaryReactor* End(const absl::Status& status);

  void OnDone() override;

 private:
  CallTimer timer_;
  std::shared_ptr<UnaryCall> self_;
};

// What an engine's call does with its answer: fills `response`, which lives as
// long as the call, and ends the call.
template <typename T, typename Response>
std::function<void(absl::StatusOr<T>)> Answer(std::shared_ptr<UnaryCall> call,
                                              Response* response) {
  return [call = std::move(call), response](absl::StatusOr<T> result) {
    if (result.ok()) Fill(*result, *response);
    call->End(result.status());
  };
}

}  // namespace vade::server

#endif  // VADE_SERVER_UNARY_CALL_H_
