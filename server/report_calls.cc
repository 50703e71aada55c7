// The RPC that reports rewards.
#include <cstddef>
#include <utility>
#include <vector>

#include "server/sampler_service.h"
#include "server/validation.h"

namespace vade::server {
namespace {

// Groups that a report may have and still be small.
constexpr size_t kMaxGroupsOfSmallReport = 32;

sampling::CallSize SizeOf(const std::vector<sampling::BatchReport>& reports) {
  size_t groups = 0;
  for (const sampling::BatchReport& report : reports) {
    groups += report.groups.size();
  }
  return groups <= kMaxGroupsOfSmallReport ? sampling::CallSize::kSmall
                                           : sampling::CallSize::kLarge;
}

}  // namespace

namespace api = sampler::v1;
using sampling::ReportResult;
using sampling::Run;

grpc::ServerUnaryReactor* SamplerService::ReportRewards(
    grpc::CallbackServerContext* context,
    const api::ReportRewardsRequest* request,
    api::ReportRewardsResponse* response) {
  auto call = Begin(Method::kReportRewards, context);
  absl::StatusOr<ReportRewardsCall> parsed = ParseReportRewards(*request);
  if (!parsed.ok()) return call->End(parsed.status());
  auto run = context_.FindRun(parsed->run_id);
  if (!run.ok()) return call->End(run.status());
  const sampling::CallSize size = SizeOf(parsed->reports);
  (*run)->Change<ReportResult>(
      [reports = std::move(parsed->reports)](Run& r, absl::Time now) {
        return r.Report(reports, now);
      },
      Answer<ReportResult>(call, response), size);
  return call->reactor();
}

}  // namespace vade::server
