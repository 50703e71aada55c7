// SampleCall: a SampleBatch, which may wait for prompts until its time is up,
// its caller goes, or the server drains. As UnaryCall otherwise.
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

class SampleCall final : public UnaryCall, public LongCall {
 public:
  static grpc::ServerUnaryReactor* Run(
      const CallContext& context, grpc::CallbackServerContext* rpc,
      const sampler::v1::SampleBatchRequest& request,
      sampler::v1::SampleBatchResponse* response);

  // Use Run.
  SampleCall(const CallContext& context,
             sampler::v1::SampleBatchResponse* response);

  void OnCancel() override;
  void OnDrain() override;

 private:
  void Answer(const std::shared_ptr<SampleCall>& self, uint32_t run_number,
              bool include_payloads,
              const absl::StatusOr<sampling::SampleResult>& result);
  void EndSample(const absl::Status& status);

  const CallContext& context_;
  sampler::v1::SampleBatchResponse* const response_;
  const sampling::CancelFlag cancel_;
};

}  // namespace vade::server

#endif  // VADE_SERVER_SAMPLE_CALL_H_
