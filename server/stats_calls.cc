// The RPCs about statistics.
#include <utility>

#include "server/sampler_service.h"
#include "server/validation.h"
#include "server/watch_call.h"

namespace vade::server {

namespace api = sampler::v1;
using sampling::Run;
using sampling::RunStatsInfo;

grpc::ServerUnaryReactor* SamplerService::GetRunStats(
    grpc::CallbackServerContext* context,
    const api::GetRunStatsRequest* request, api::RunStats* response) {
  auto call = Begin(Method::kGetRunStats, context);
  absl::StatusOr<std::string> run_id = ParseGetRunStats(*request);
  if (!run_id.ok()) return call->End(run_id.status());
  auto run = context_.FindRun(*run_id);
  if (!run.ok()) return call->End(run.status());
  (*run)->Read<RunStatsInfo>([](const Run& r) { return r.Stats(); },
                             [call, response, &clock = context_.clock](
                                 absl::StatusOr<RunStatsInfo> stats) {
                               if (stats.ok())
                                 Fill(*stats, clock.Now(), *response);
                               call->End(stats.status());
                             });
  return call->reactor();
}

grpc::ServerWriteReactor<api::RunStats>* SamplerService::WatchRun(
    grpc::CallbackServerContext*, const api::WatchRunRequest* request) {
  return WatchCall::Start(context_, *request);
}

}  // namespace vade::server
