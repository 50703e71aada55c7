// The RPCs about prompts.
#include <string>
#include <utility>
#include <vector>

#include "google/protobuf/repeated_ptr_field.h"
#include "server/export_call.h"
#include "server/import_call.h"
#include "server/page_token.h"
#include "server/sampler_service.h"
#include "server/sampling/error.h"
#include "server/validation.h"

namespace vade::server {
namespace {

namespace api = sampler::v1;
using sampling::PromptInfo;
using sampling::PromptPage;
using sampling::Run;
using PromptInfos = std::vector<PromptInfo>;
using Prompts = google::protobuf::RepeatedPtrField<api::Prompt>;

absl::StatusOr<PromptInfos> FindPrompts(const Run& run,
                                        const std::vector<std::string>& ids) {
  PromptInfos prompts;
  prompts.reserve(ids.size());
  for (const std::string& id : ids) {
    absl::StatusOr<PromptInfo> prompt = run.GetPrompt(id);
    if (!prompt.ok()) return prompt.status();
    prompts.push_back(*std::move(prompt));
  }
  return prompts;
}

void AddPrompts(const PromptInfos& infos, Prompts* prompts) {
  for (const PromptInfo& info : infos) Fill(info, *prompts->Add());
}

// Adds the payloads of `infos` to `prompts`, which are in the same order, and
// ends the call.
void EndWithPayloads(const CallContext& context, uint32_t run_number,
                     const PromptInfos& infos, Prompts* prompts,
                     std::shared_ptr<UnaryCall> call) {
  absl::Status status = CheckPayloadBytes(infos);
  if (!status.ok()) {
    call->End(status);
    return;
  }
  context.ReadPayloads(run_number, IndexesOf(infos),
                       [prompts, call = std::move(call)](
                           absl::StatusOr<std::vector<std::string>> payloads) {
                         if (payloads.ok()) {
                           for (size_t i = 0; i < payloads->size(); ++i) {
                             prompts->Mutable(static_cast<int>(i))
                                 ->set_payload(std::move((*payloads)[i]));
                           }
                         }
                         call->End(payloads.status());
                       });
}

}  // namespace

grpc::ServerReadReactor<api::ImportPromptsRequest>*
SamplerService::ImportPrompts(grpc::CallbackServerContext*,
                              api::ImportPromptsResponse* response) {
  return ImportCall::Start(context_, response);
}

grpc::ServerWriteReactor<api::ExportPromptsResponse>*
SamplerService::ExportPrompts(grpc::CallbackServerContext*,
                              const api::ExportPromptsRequest* request) {
  return ExportCall::Start(context_, *request);
}

grpc::ServerUnaryReactor* SamplerService::GetPrompt(
    grpc::CallbackServerContext* context, const api::GetPromptRequest* request,
    api::Prompt* response) {
  auto call = Begin(Method::kGetPrompt, context);
  absl::StatusOr<GetPromptsCall> parsed = ParseGetPrompt(*request);
  if (!parsed.ok()) return call->End(parsed.status());
  auto run = context_.FindRun(parsed->run_id);
  if (!run.ok()) return call->End(run.status());
  (*run)->Read<PromptInfo>(
      [id = parsed->prompt_ids[0]](const Run& r) { return r.GetPrompt(id); },
      [this, call, response, run_number = (*run)->run_number(),
       payload =
           parsed->include_payloads](const absl::StatusOr<PromptInfo>& prompt) {
        if (prompt.ok()) Fill(*prompt, *response);
        if (!prompt.ok() || !payload) {
          call->End(prompt.status());
          return;
        }
        context_.ReadPayloads(
            run_number, {prompt->index},
            [call, response](absl::StatusOr<std::vector<std::string>> read) {
              if (read.ok()) response->set_payload(std::move(read->front()));
              call->End(read.status());
            });
      });
  return call->reactor();
}

grpc::ServerUnaryReactor* SamplerService::BatchGetPrompts(
    grpc::CallbackServerContext* context,
    const api::BatchGetPromptsRequest* request,
    api::BatchGetPromptsResponse* response) {
  auto call = Begin(Method::kBatchGetPrompts, context);
  absl::StatusOr<GetPromptsCall> parsed = ParseBatchGetPrompts(*request);
  if (!parsed.ok()) return call->End(parsed.status());
  auto run = context_.FindRun(parsed->run_id);
  if (!run.ok()) return call->End(run.status());
  (*run)->Read<PromptInfos>(
      [ids = std::move(parsed->prompt_ids)](const Run& r) {
        return FindPrompts(r, ids);
      },
      [this, call, response, run_number = (*run)->run_number(),
       payloads = parsed->include_payloads](
          const absl::StatusOr<PromptInfos>& prompts) {
        if (prompts.ok()) AddPrompts(*prompts, response->mutable_prompts());
        if (!prompts.ok() || !payloads) {
          call->End(prompts.status());
          return;
        }
        EndWithPayloads(context_, run_number, *prompts,
                        response->mutable_prompts(), call);
      });
  return call->reactor();
}

grpc::ServerUnaryReactor* SamplerService::ListPrompts(
    grpc::CallbackServerContext* context,
    const api::ListPromptsRequest* request,
    api::ListPromptsResponse* response) {
  auto call = Begin(Method::kListPrompts, context);
  absl::StatusOr<ListPromptsCall> parsed = ParseListPrompts(*request);
  if (!parsed.ok()) return call->End(parsed.status());
  auto run = context_.FindRun(parsed->run_id);
  if (!run.ok()) return call->End(run.status());
  const uint32_t run_number = (*run)->run_number();
  std::string list = PromptListName(run_number, parsed->query);
  if (!request->page_token().empty()) {
    absl::StatusOr<sampling::PromptPosition> place =
        OpenPromptToken(list, request->page_token());
    if (!place.ok()) return call->End(place.status());
    parsed->query.after = *place;
  }
  (*run)->Read<PromptPage>(
      [query = parsed->query](const Run& r) { return r.ListPrompts(query); },
      [this, call, response, run_number, list = std::move(list),
       payloads =
           parsed->include_payloads](const absl::StatusOr<PromptPage>& page) {
        if (!page.ok()) {
          call->End(page.status());
          return;
        }
        AddPrompts(page->prompts, response->mutable_prompts());
        response->set_total_size(page->total);
        if (page->next) {
          response->set_next_page_token(MakePromptToken(list, *page->next));
        }
        if (!payloads) {
          call->End(absl::OkStatus());
          return;
        }
        EndWithPayloads(context_, run_number, page->prompts,
                        response->mutable_prompts(), call);
      });
  return call->reactor();
}

grpc::ServerUnaryReactor* SamplerService::UpdatePrompt(
    grpc::CallbackServerContext* context,
    const api::UpdatePromptRequest* request, api::Prompt* response) {
  auto call = Begin(Method::kUpdatePrompt, context);
  absl::StatusOr<UpdatePromptCall> parsed = ParseUpdatePrompt(*request);
  if (!parsed.ok()) return call->End(parsed.status());
  auto run = context_.FindRun(parsed->run_id);
  if (!run.ok()) return call->End(run.status());
  (*run)->Change<PromptInfo>(
      [change = std::move(parsed->change)](Run& r, absl::Time now) {
        return r.UpdatePrompt(change, now);
      },
      Answer<PromptInfo>(call, response));
  return call->reactor();
}

grpc::ServerUnaryReactor* SamplerService::DeletePrompt(
    grpc::CallbackServerContext* context,
    const api::DeletePromptRequest* request, google::protobuf::Empty*) {
  auto call = Begin(Method::kDeletePrompt, context);
  absl::StatusOr<PromptName> name = ParseDeletePrompt(*request);
  if (!name.ok()) return call->End(name.status());
  auto run = context_.FindRun(name->run_id);
  if (!run.ok()) return call->End(run.status());
  (*run)->Change<Nothing>(
      [id = name->prompt_id](Run& r,
                             absl::Time now) -> absl::StatusOr<Nothing> {
        absl::Status status = r.DeletePrompt(id, now);
        if (!status.ok()) return status;
        return Nothing{};
      },
      [call](const absl::StatusOr<Nothing>& done) {
        call->End(done.status());
      });
  return call->reactor();
}

}  // namespace vade::server
