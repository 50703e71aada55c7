#include "server/unary_call.h"

#include "server/status_mapping.h"

namespace vade::server {

grpc::ServerUnaryReactor* UnaryCall::End(const absl::Status& status) {
  const grpc::Status answer = ToGrpc(status);
  timer_.End(answer.error_code());
  // gRPC may be done with the RPC before this returns.
  grpc::ServerUnaryReactor* const reactor = reactor_;
  reactor->Finish(answer);
  return reactor;
}

}  // namespace vade::server
