// The RPCs about batches.
#include <string>
#include <utility>

#include "server/page_token.h"
#include "server/sample_call.h"
#include "server/sampler_service.h"
#include "server/validation.h"

namespace vade::server {
namespace {

namespace api = sampler::v1;
using sampling::BatchInfo;
using sampling::BatchPage;
using sampling::Run;

auto AnswerBatch(std::shared_ptr<UnaryCall> call, std::string run_id,
                 api::Batch* response) {
  return [call = std::move(call), run_id = std::move(run_id),
          response](const absl::StatusOr<BatchInfo>& batch) {
    if (batch.ok()) Fill(run_id, *batch, *response);
    call->End(batch.status());
  };
}

}  // namespace

SamplerService::SamplerService(const CallContext& context) : context_(context) {
  SetMessageAllocatorFor_SampleBatch(&sample_messages_);
  SetMessageAllocatorFor_ReportRewards(&report_messages_);
}

grpc::ServerUnaryReactor* SamplerService::SampleBatch(
    grpc::CallbackServerContext* context,
    const api::SampleBatchRequest* request,
    api::SampleBatchResponse* response) {
  return SampleCall::Run(context_, context, *request, response);
}

grpc::ServerUnaryReactor* SamplerService::GetBatch(
    grpc::CallbackServerContext* context, const api::GetBatchRequest* request,
    api::Batch* response) {
  auto call = Begin(Method::kGetBatch, context);
  absl::StatusOr<BatchName> name = ParseGetBatch(*request);
  if (!name.ok()) return call->End(name.status());
  auto run = context_.FindRun(name->run_id);
  if (!run.ok()) return call->End(run.status());
  (*run)->Read<BatchInfo>(
      [id = name->batch_id](const Run& r) { return r.GetBatch(id); },
      AnswerBatch(call, name->run_id, response));
  return call->reactor();
}

grpc::ServerUnaryReactor* SamplerService::ListBatches(
    grpc::CallbackServerContext* context,
    const api::ListBatchesRequest* request,
    api::ListBatchesResponse* response) {
  auto call = Begin(Method::kListBatches, context);
  absl::StatusOr<ListBatchesCall> parsed = ParseListBatches(*request);
  if (!parsed.ok()) return call->End(parsed.status());
  auto run = context_.FindRun(parsed->run_id);
  if (!run.ok()) return call->End(run.status());
  std::string list = BatchListName((*run)->run_number(), parsed->query);
  if (!request->page_token().empty()) {
    absl::StatusOr<uint64_t> place =
        OpenBatchToken(list, request->page_token());
    if (!place.ok()) return call->End(place.status());
    parsed->query.before_sequence = *place;
  }
  (*run)->Read<BatchPage>(
      [query = parsed->query](const Run& r) { return r.ListBatches(query); },
      [call, response, list = std::move(list),
       run_id = parsed->run_id](const absl::StatusOr<BatchPage>& page) {
        if (page.ok()) {
          for (const BatchInfo& batch : page->batches) {
            Fill(run_id, batch, *response->add_batches());
          }
          if (page->next_before_sequence) {
            response->set_next_page_token(
                MakeBatchToken(list, *page->next_before_sequence));
          }
        }
        call->End(page.status());
      });
  return call->reactor();
}

grpc::ServerUnaryReactor* SamplerService::RenewBatch(
    grpc::CallbackServerContext* context, const api::RenewBatchRequest* request,
    api::Batch* response) {
  auto call = Begin(Method::kRenewBatch, context);
  absl::StatusOr<RenewBatchCall> parsed = ParseRenewBatch(*request);
  if (!parsed.ok()) return call->End(parsed.status());
  auto run = context_.FindRun(parsed->name.run_id);
  if (!run.ok()) return call->End(run.status());
  (*run)->Change<BatchInfo>(
      [id = parsed->name.batch_id, ttl = parsed->lease_ttl](
          Run& r, absl::Time now) { return r.Renew(id, ttl, now); },
      AnswerBatch(call, parsed->name.run_id, response),
      sampling::CallSize::kSmall);
  return call->reactor();
}

grpc::ServerUnaryReactor* SamplerService::ReleaseBatch(
    grpc::CallbackServerContext* context,
    const api::ReleaseBatchRequest* request, api::Batch* response) {
  auto call = Begin(Method::kReleaseBatch, context);
  absl::StatusOr<ReleaseBatchCall> parsed = ParseReleaseBatch(*request);
  if (!parsed.ok()) return call->End(parsed.status());
  auto run = context_.FindRun(parsed->name.run_id);
  if (!run.ok()) return call->End(run.status());
  (*run)->Change<BatchInfo>(
      [id = parsed->name.batch_id, prompts = std::move(parsed->prompt_ids)](
          Run& r, absl::Time now) { return r.Release(id, prompts, now); },
      AnswerBatch(call, parsed->name.run_id, response));
  return call->reactor();
}

}  // namespace vade::server
