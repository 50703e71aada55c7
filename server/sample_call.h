// SampleCall: a SampleBatch, which may wait for prompts until its time is up,
// its caller goes, or the server drains. Held by whoever is going to answer.
// Thread-compatible, but for OnDrain.
#ifndef VADE_SERVER_SAMPLE_CALL_H_
#define VADE_SERVER_SAMPLE_CALL_H_

#include <memory>

#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "server/call_context.h"
#include "server/unary_call.h"
#include "server/validation.h"
#include "vade/sampler/v1/batch.pb.h"

namespace vade::server {

class SampleCall final : public LongCall {
 public:
  static grpc::ServerUnaryReactor* Run(
      const CallContext& context, grpc::CallbackServerContext* rpc,
      const sampler::v1::SampleBatchRequest& request,
      sampler::v1::SampleBatchResponse* response);

  // Use Run.
  SampleCall(const CallContext& context, grpc::ServerUnaryReactor* reactor,
             sampling::CancelFlag cancel,
             sampler::v1::SampleBatchResponse* response);

  void OnDrain() override;

 private:
  // Tells the engine of a caller that goes while it waits. Owns itself until
  // gRPC is done with it.
  class WaitingReactor;

  void Answer(const std::shared_ptr<SampleCall>& self, uint32_t run_number,
              bool include_payloads,
              const absl::StatusOr<sampling::SampleResult>& result);
  grpc::ServerUnaryReactor* End(const absl::Status& status);

  const CallContext& context_;
  UnaryCall call_;
  // Null if the call does not wait.
  const sampling::CancelFlag cancel_;
  sampler::v1::SampleBatchResponse* const response_;
};

}  // namespace vade::server

#endif  // VADE_SERVER_SAMPLE_CALL_H_
