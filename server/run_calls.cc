// The RPCs about runs.
#include <optional>
#include <utility>
#include <vector>

#include "server/page_token.h"
#include "server/sampler_service.h"
#include "server/sampling/error.h"
#include "server/sampling/run_registry.h"
#include "server/seed.h"
#include "server/validation.h"
#include "storage/mutex.h"

namespace vade::server {
namespace {

namespace api = sampler::v1;
using sampling::Run;
using sampling::RunInfo;

// Gathers the answers of the runs of one page. Thread-safe.
class RunPage {
 public:
  RunPage(std::shared_ptr<UnaryCall> call, api::ListRunsResponse* response,
          size_t runs)
      : call_(std::move(call)),
        response_(response),
        infos_(runs),
        missing_(runs) {}

  void Set(size_t position, const absl::StatusOr<RunInfo>& info) {
    bool complete = false;
    {
      MutexLock lock(mu_);
      // A run that was deleted meanwhile is not listed.
      if (info.ok()) infos_[position] = *info;
      complete = --missing_ == 0;
    }
    if (complete) Finish();
  }

  void Finish() {
    {
      MutexLock lock(mu_);
      for (const std::optional<RunInfo>& info : infos_) {
        if (info) Fill(*info, *response_->add_runs());
      }
    }
    call_->End(absl::OkStatus());
  }

 private:
  const std::shared_ptr<UnaryCall> call_;
  api::ListRunsResponse* const response_;
  Mutex mu_;
  std::vector<std::optional<RunInfo>> infos_ ABSL_GUARDED_BY(mu_);
  size_t missing_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

grpc::ServerUnaryReactor* SamplerService::CreateRun(
    grpc::CallbackServerContext* context, const api::CreateRunRequest* request,
    api::Run* response) {
  auto call = Begin(Method::kCreateRun, context);
  absl::StatusOr<CreateRunCall> parsed = ParseCreateRun(*request);
  if (!parsed.ok()) return call->End(parsed.status());
  absl::StatusOr<storage::RunSettings> settings =
      sampling::ResolveSettings(parsed->settings, FreshSeed());
  if (!settings.ok()) return call->End(settings.status());
  absl::StatusOr<sampling::RunRegistry*> registry = context_.gate.Enter();
  if (!registry.ok()) return call->End(registry.status());
  (*registry)->Create(std::move(parsed->run_id),
                      std::move(parsed->display_name), *std::move(settings),
                      Answer<RunInfo>(call, response));
  return call->reactor();
}

grpc::ServerUnaryReactor* SamplerService::GetRun(
    grpc::CallbackServerContext* context, const api::GetRunRequest* request,
    api::Run* response) {
  auto call = Begin(Method::kGetRun, context);
  absl::StatusOr<std::string> run_id = ParseGetRun(*request);
  if (!run_id.ok()) return call->End(run_id.status());
  auto run = context_.FindRun(*run_id);
  if (!run.ok()) return call->End(run.status());
  (*run)->Read<RunInfo>([](const Run& r) { return r.Info(); },
                        Answer<RunInfo>(call, response));
  return call->reactor();
}

grpc::ServerUnaryReactor* SamplerService::ListRuns(
    grpc::CallbackServerContext* context, const api::ListRunsRequest* request,
    api::ListRunsResponse* response) {
  auto call = Begin(Method::kListRuns, context);
  absl::StatusOr<ListRunsCall> parsed = ParseListRuns(*request);
  if (!parsed.ok()) return call->End(parsed.status());
  absl::StatusOr<sampling::RunRegistry*> registry = context_.gate.Enter();
  if (!registry.ok()) return call->End(registry.status());
  // One more than the page holds tells whether there is another page.
  auto runs = (*registry)->List(parsed->after, parsed->page_size + 1);
  if (runs.size() > parsed->page_size) {
    runs.pop_back();
    response->set_next_page_token(
        MakePageToken(kRunList, runs.back()->run_id()));
  }
  auto page = std::make_shared<RunPage>(call, response, runs.size());
  if (runs.empty()) page->Finish();
  for (size_t i = 0; i < runs.size(); ++i) {
    runs[i]->Read<RunInfo>(
        [](const Run& r) { return r.Info(); },
        [page, i](const absl::StatusOr<RunInfo>& info) { page->Set(i, info); });
  }
  return call->reactor();
}

grpc::ServerUnaryReactor* SamplerService::UpdateRun(
    grpc::CallbackServerContext* context, const api::UpdateRunRequest* request,
    api::Run* response) {
  auto call = Begin(Method::kUpdateRun, context);
  absl::StatusOr<UpdateRunCall> parsed = ParseUpdateRun(*request);
  if (!parsed.ok()) return call->End(parsed.status());
  auto run = context_.FindRun(parsed->run_id);
  if (!run.ok()) return call->End(run.status());
  (*run)->Change<RunInfo>(
      [change = std::move(parsed->change)](Run& r, absl::Time now) {
        return r.Update(change, now);
      },
      Answer<RunInfo>(call, response));
  return call->reactor();
}

grpc::ServerUnaryReactor* SamplerService::DeleteRun(
    grpc::CallbackServerContext* context, const api::DeleteRunRequest* request,
    google::protobuf::Empty*) {
  auto call = Begin(Method::kDeleteRun, context);
  absl::StatusOr<DeleteRunCall> parsed = ParseDeleteRun(*request);
  if (!parsed.ok()) return call->End(parsed.status());
  absl::StatusOr<sampling::RunRegistry*> registry = context_.gate.Enter();
  if (!registry.ok()) return call->End(registry.status());
  const bool allow_missing = parsed->allow_missing;
  (*registry)->Delete(
      parsed->run_id, std::move(parsed->etag),
      [call, allow_missing](const absl::Status& status) {
        const bool missing = sampling::ErrorReason(status) == "RUN_NOT_FOUND";
        call->End(missing && allow_missing ? absl::OkStatus() : status);
      });
  return call->reactor();
}

}  // namespace vade::server
