// StreamCall: what the streaming RPCs have in common: they own themselves until
// gRPC is done with them, end exactly once, end when the server drains, and
// are counted. `Reactor` is the gRPC reactor of the stream.
//
// gRPC never calls a reactor back from within StartRead, StartWrite or Finish,
// so mu_ is held over these; that keeps them from coming after Finish.
#ifndef VADE_SERVER_STREAM_CALL_H_
#define VADE_SERVER_STREAM_CALL_H_

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "server/call_context.h"
#include "server/gate.h"
#include "server/status_mapping.h"
#include "server/unary_call.h"
#include "storage/mutex.h"

namespace vade::server {

template <typename Reactor>
class StreamCall : public Reactor, public LongCall {
 public:
  StreamCall(const CallContext& context, Method method)
      : context_(context), timer_(context.metrics, method) {}

  // gRPC's callback, the last one.
  void OnDone() final {
    // Released at the end of this scope, when nothing here is needed any more.
    const std::shared_ptr<StreamCall> self = std::move(self_);
  }

 protected:
  // Keeps `call` alive until gRPC is done with it.
  template <typename Call, typename... Args>
  static std::shared_ptr<Call> Make(Args&&... args) {
    auto call = std::make_shared<Call>(std::forward<Args>(args)...);
    call->self_ = call;
    return call;
  }

  // The first call ends the stream, later ones do nothing.
  void End(const absl::Status& status) {
    MutexLock lock(mu_);
    EndLocked(status);
  }
  void EndLocked(const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (ended_) return;
    ended_ = true;
    context_.gate.Leave(this);
    const grpc::Status answer = ToGrpc(status);
    timer_.End(answer.error_code());
    this->Finish(answer);
  }
  bool ended_locked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return ended_;
  }

  const CallContext& context_;
  Mutex mu_;

 private:
  CallTimer timer_;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  std::shared_ptr<StreamCall> self_;
};

}  // namespace vade::server

#endif  // VADE_SERVER_STREAM_CALL_H_
