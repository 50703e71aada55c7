// SamplerService: the RPCs of vade.sampler.v1.Sampler. Each validates the
// request, converts it, calls the engine and converts the answer; it decides
// nothing. No thread waits: a call is answered by the engine's callback.
//
// Owned by the Server, which outlives every call with all that it lends.
// Thread-safe.
#ifndef VADE_SERVER_SAMPLER_SERVICE_H_
#define VADE_SERVER_SAMPLER_SERVICE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/support/server_callback.h"
#include "server/arena_messages.h"
#include "server/call_context.h"
#include "server/unary_call.h"
#include "vade/sampler/v1/sampler.grpc.pb.h"

namespace vade::server {

class SamplerService final : public sampler::v1::Sampler::CallbackService {
 public:
  explicit SamplerService(const CallContext& context);

  // run_calls.cc
  grpc::ServerUnaryReactor* CreateRun(
      grpc::CallbackServerContext* context,
      const sampler::v1::CreateRunRequest* request,
      sampler::v1::Run* response) override;
  grpc::ServerUnaryReactor* GetRun(grpc::CallbackServerContext* context,
                                   const sampler::v1::GetRunRequest* request,
                                   sampler::v1::Run* response) override;
  grpc::ServerUnaryReactor* ListRuns(
      grpc::CallbackServerContext* context,
      const sampler::v1::ListRunsRequest* request,
      sampler::v1::ListRunsResponse* response) override;
  grpc::ServerUnaryReactor* UpdateRun(
      grpc::CallbackServerContext* context,
      const sampler::v1::UpdateRunRequest* request,
      sampler::v1::Run* response) override;
  grpc::ServerUnaryReactor* DeleteRun(
      grpc::CallbackServerContext* context,
      const sampler::v1::DeleteRunRequest* request,
      google::protobuf::Empty* response) override;

  // prompt_calls.cc
  grpc::ServerReadReactor<sampler::v1::ImportPromptsRequest>* ImportPrompts(
      grpc::CallbackServerContext* context,
      sampler::v1::ImportPromptsResponse* response) override;
  grpc::ServerWriteReactor<sampler::v1::ExportPromptsResponse>* ExportPrompts(
      grpc::CallbackServerContext* context,
      const sampler::v1::ExportPromptsRequest* request) override;
  grpc::ServerUnaryReactor* GetPrompt(
      grpc::CallbackServerContext* context,
      const sampler::v1::GetPromptRequest* request,
      sampler::v1::Prompt* response) override;
  grpc::ServerUnaryReactor* BatchGetPrompts(
      grpc::CallbackServerContext* context,
      const sampler::v1::BatchGetPromptsRequest* request,
      sampler::v1::BatchGetPromptsResponse* response) override;
  grpc::ServerUnaryReactor* ListPrompts(
      grpc::CallbackServerContext* context,
      const sampler::v1::ListPromptsRequest* request,
      sampler::v1::ListPromptsResponse* response) override;
  grpc::ServerUnaryReactor* UpdatePrompt(
      grpc::CallbackServerContext* context,
      const sampler::v1::UpdatePromptRequest* request,
      sampler::v1::Prompt* response) override;
  grpc::ServerUnaryReactor* DeletePrompt(
      grpc::CallbackServerContext* context,
      const sampler::v1::DeletePromptRequest* request,
      google::protobuf::Empty* response) override;

  // batch_calls.cc
  grpc::ServerUnaryReactor* SampleBatch(
      grpc::CallbackServerContext* context,
      const sampler::v1::SampleBatchRequest* request,
      sampler::v1::SampleBatchResponse* response) override;
  grpc::ServerUnaryReactor* GetBatch(
      grpc::CallbackServerContext* context,
      const sampler::v1::GetBatchRequest* request,
      sampler::v1::Batch* response) override;
  grpc::ServerUnaryReactor* ListBatches(
      grpc::CallbackServerContext* context,
      const sampler::v1::ListBatchesRequest* request,
      sampler::v1::ListBatchesResponse* response) override;
  grpc::ServerUnaryReactor* RenewBatch(
      grpc::CallbackServerContext* context,
      const sampler::v1::RenewBatchRequest* request,
      sampler::v1::Batch* response) override;
  grpc::ServerUnaryReactor* ReleaseBatch(
      grpc::CallbackServerContext* context,
      const sampler::v1::ReleaseBatchRequest* request,
      sampler::v1::Batch* response) override;

  // report_calls.cc
  grpc::ServerUnaryReactor* ReportRewards(
      grpc::CallbackServerContext* context,
      const sampler::v1::ReportRewardsRequest* request,
      sampler::v1::ReportRewardsResponse* response) override;

  // stats_calls.cc
  grpc::ServerUnaryReactor* GetRunStats(
      grpc::CallbackServerContext* context,
      const sampler::v1::GetRunStatsRequest* request,
      sampler::v1::RunStats* response) override;
  grpc::ServerWriteReactor<sampler::v1::RunStats>* WatchRun(
      grpc::CallbackServerContext* context,
      const sampler::v1::WatchRunRequest* request) override;

 private:
  std::shared_ptr<UnaryCall> Begin(Method method,
                                   grpc::CallbackServerContext* rpc) {
    return std::make_shared<UnaryCall>(context_.metrics, method,
                                       rpc->DefaultReactor());
  }

  const CallContext context_;
  ArenaMessages<sampler::v1::SampleBatchRequest,
                sampler::v1::SampleBatchResponse>
      sample_messages_;
  ArenaMessages<sampler::v1::ReportRewardsRequest,
                sampler::v1::ReportRewardsResponse>
      report_messages_;
};

}  // namespace vade::server

#endif  // VADE_SERVER_SAMPLER_SERVICE_H_
