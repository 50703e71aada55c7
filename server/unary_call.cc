#include "server/unary_call.h"

#include "server/status_mapping.h"

namespace vade::server {

grpc::ServerUnaryReactor* UnaryCall::End(const absl::Status& status) {
  // The reactor may be gone as soon as Finish is called, unless someone else
  // holds it; the pointer is still what gRPC expects to be returned.
  grpc::ServerUnaryReactor* const reactor = this;
  const grpc::Status answer = ToGrpc(status);
  timer_.End(answer.error_code());
  Finish(answer);
  return reactor;
}

void UnaryCall::OnDone() {
  // Released at the end of this scope, when nothing here is needed any more.
  const std::shared_ptr<UnaryCall> self = std::move(self_);
}

}  // namespace vade::server
