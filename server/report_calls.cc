// The RPC that reports rewards.
#include <utility>

#include "server/sampler_service.h"
#include "server/validation.h"

namespace vade::server {

namespace api = sampler::v1;
using sampling::ReportResult;
using sampling::Run;

grpc::ServerUnaryReactor* SamplerService::ReportRewards(
    grpc::CallbackServerContext*, const api::ReportRewardsRequest* request,
    api::ReportRewardsResponse* response) {
  auto call = Begin(Method::kReportRewards);
  absl::StatusOr<ReportRewardsCall> parsed = ParseReportRewards(*request);
  if (!parsed.ok()) return call->End(parsed.status());
  auto run = context_.FindRun(parsed->run_id);
  if (!run.ok()) return call->End(run.status());
  (*run)->Change<ReportResult>(
      [reports = std::move(parsed->reports)](Run& r, absl::Time now) {
        return r.Report(reports, now);
      },
      Answer<ReportResult>(call, response));
  return call.get();
}

}  // namespace vade::server
