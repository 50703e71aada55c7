// Requests about prompts.
#include <limits>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/field_checks.h"
#include "server/sampling/limits.h"
#include "server/validation.h"

namespace vade::server {
namespace {

namespace api = sampler::v1;

absl::Status CheckPayload(const FieldPath& field, const std::string& payload) {
  if (payload.size() <= sampling::kMaxPayloadBytes) return absl::OkStatus();
  return Refuse(field, absl::StrCat(payload.size(), " bytes"),
                absl::StrCat("a payload has at most ",
                             sampling::kMaxPayloadBytes, " bytes"));
}

absl::StatusOr<sampling::PromptSpec> ParseSpec(const FieldPath& path,
                                               api::Prompt& prompt) {
  absl::Status status = CheckPromptId({path, "id"}, prompt.id());
  if (status.ok()) status = CheckPayload({path, "payload"}, prompt.payload());
  if (!status.ok()) return status;
  absl::StatusOr<sampling::Labels> labels =
      ParseLabels({path, "labels"}, prompt.labels());
  if (!labels.ok()) return labels.status();
  sampling::PromptSpec spec;
  if (prompt.has_starting_evidence()) {
    absl::StatusOr<sampling::Evidence> evidence = ParseStartingEvidence(
        {path, "starting_evidence"}, prompt.starting_evidence());
    if (!evidence.ok()) return evidence.status();
    spec.evidence = *evidence;
  }
  spec.id = prompt.id();
  spec.payload = std::move(*prompt.mutable_payload());
  spec.labels = *std::move(labels);
  spec.enabled = !prompt.disabled();
  return spec;
}

absl::StatusOr<std::optional<sampling::ExistingPrompts>> ParseExisting(
    api::ExistingPrompts existing) {
  switch (existing) {
    case api::EXISTING_PROMPTS_UNSPECIFIED:
      return std::nullopt;
    case api::EXISTING_PROMPTS_UPDATE:
      return sampling::ExistingPrompts::kUpdate;
    case api::EXISTING_PROMPTS_SKIP:
      return sampling::ExistingPrompts::kSkip;
    case api::EXISTING_PROMPTS_FAIL:
      return sampling::ExistingPrompts::kFail;
    default:
      return Refuse("existing_prompts", absl::StrCat(existing),
                    "must be a value of ExistingPrompts");
  }
}

absl::StatusOr<sampling::PromptView> ParseView(api::PromptView view) {
  switch (view) {
    case api::PROMPT_VIEW_UNSPECIFIED:
      return sampling::PromptView::kAll;
    case api::PROMPT_VIEW_ENABLED:
      return sampling::PromptView::kEnabled;
    case api::PROMPT_VIEW_DISABLED:
      return sampling::PromptView::kDisabled;
    case api::PROMPT_VIEW_IN_FLIGHT:
      return sampling::PromptView::kInFlight;
    case api::PROMPT_VIEW_NEVER_SOLVED:
      return sampling::PromptView::kNeverSolved;
    case api::PROMPT_VIEW_NEVER_DEALT:
      return sampling::PromptView::kNeverDealt;
    default:
      return Refuse("view", absl::StrCat(view),
                    "must be a value of PromptView");
  }
}

struct OrderName {
  const char* name;
  sampling::PromptOrder order;
};

constexpr OrderName kOrders[] = {
    {"", sampling::PromptOrder::kImport},
    {"import", sampling::PromptOrder::kImport},
    {"posterior_mean", sampling::PromptOrder::kPosteriorMean},
    {"expected_egr", sampling::PromptOrder::kExpectedEgr},
    {"evidence", sampling::PromptOrder::kEvidence},
    {"deal_count", sampling::PromptOrder::kDealCount},
    {"last_dealt", sampling::PromptOrder::kLastDealt},
};

absl::Status ParseOrder(absl::string_view order_by,
                        sampling::ListPromptsQuery& query) {
  absl::string_view name = order_by;
  query.descending = absl::ConsumeSuffix(&name, " desc");
  for (const OrderName& order : kOrders) {
    if (name == order.name && (!name.empty() || !query.descending)) {
      query.order = order.order;
      return absl::OkStatus();
    }
  }
  return Refuse("order_by", Quoted(order_by),
                "must be import, posterior_mean, expected_egr, evidence, "
                "deal_count or last_dealt; ' desc' may follow");
}

absl::Status CheckEvidence(const FieldPath& path,
                           const api::Evidence& evidence) {
  absl::Status status = CheckRange({path, "alpha"}, evidence.alpha(), 0,
                                   sampling::kMaxEvidenceWeight);
  if (!status.ok()) return status;
  return CheckRange({path, "beta"}, evidence.beta(), 0,
                    sampling::kMaxEvidenceWeight);
}

absl::Status TakePromptField(const std::string& path, const api::Prompt& prompt,
                             sampling::PromptChange& change) {
  const FieldPath root("prompt");
  if (path == "disabled") {
    change.enabled = !prompt.disabled();
    return absl::OkStatus();
  }
  if (path == "labels") {
    absl::StatusOr<sampling::Labels> labels =
        ParseLabels({root, "labels"}, prompt.labels());
    if (!labels.ok()) return labels.status();
    change.labels = *std::move(labels);
    return absl::OkStatus();
  }
  if (path == "payload") {
    change.payload = prompt.payload();
    return CheckPayload({root, "payload"}, prompt.payload());
  }
  if (path == "evidence") {
    change.evidence =
        sampling::Evidence{prompt.evidence().alpha(), prompt.evidence().beta()};
    return CheckEvidence({root, "evidence"}, prompt.evidence());
  }
  return Refuse("update_mask", Quoted(path),
                "must name disabled, labels, payload or evidence");
}

}  // namespace

absl::StatusOr<ImportMessage> ParseImportMessage(
    api::ImportPromptsRequest& request) {
  ImportMessage message;
  if (!request.run().empty()) {
    absl::StatusOr<std::string> run_id = ParseRunName("run", request.run());
    if (!run_id.ok()) return run_id.status();
    message.run_id = *std::move(run_id);
  }
  absl::StatusOr<std::optional<sampling::ExistingPrompts>> existing =
      ParseExisting(request.existing_prompts());
  if (!existing.ok()) return existing.status();
  message.existing = *existing;
  absl::Status status = CheckCount("prompts", request.prompts_size(), 0,
                                   sampling::kMaxImportPrompts);
  if (!status.ok()) return status;
  message.prompts.reserve(request.prompts_size());
  absl::flat_hash_set<absl::string_view> seen;
  seen.reserve(request.prompts_size());
  for (int i = 0; i < request.prompts_size(); ++i) {
    api::Prompt& prompt = *request.mutable_prompts(i);
    const FieldPath path("prompts", i);
    absl::StatusOr<sampling::PromptSpec> spec = ParseSpec(path, prompt);
    if (!spec.ok()) return spec.status();
    if (!seen.insert(prompt.id()).second) {
      return Refuse({path, "id"}, Quoted(prompt.id()),
                    "a prompt comes once in a message");
    }
    message.prompts.push_back(*std::move(spec));
  }
  return message;
}

absl::StatusOr<ExportPromptsCall> ParseExportPrompts(
    const api::ExportPromptsRequest& request) {
  absl::StatusOr<std::string> run_id = ParseRunName("run", request.run());
  if (!run_id.ok()) return run_id.status();
  absl::StatusOr<sampling::LabelFilter> filter = ParseFilter(request.filter());
  if (!filter.ok()) return filter.status();
  return ExportPromptsCall{*std::move(run_id), *std::move(filter),
                           request.include_payloads()};
}

absl::StatusOr<GetPromptsCall> ParseGetPrompt(
    const api::GetPromptRequest& request) {
  absl::StatusOr<PromptName> name = ParsePromptName("name", request.name());
  if (!name.ok()) return name.status();
  return GetPromptsCall{
      name->run_id, {name->prompt_id}, request.include_payload()};
}

absl::StatusOr<GetPromptsCall> ParseBatchGetPrompts(
    const api::BatchGetPromptsRequest& request) {
  absl::StatusOr<std::string> run_id = ParseRunName("run", request.run());
  if (!run_id.ok()) return run_id.status();
  absl::Status status = CheckCount("prompt_ids", request.prompt_ids_size(), 1,
                                   sampling::kMaxPromptsPerRequest);
  for (int i = 0; status.ok() && i < request.prompt_ids_size(); ++i) {
    status = CheckPromptId({"prompt_ids", i}, request.prompt_ids(i));
  }
  if (!status.ok()) return status;
  return GetPromptsCall{
      *std::move(run_id),
      {request.prompt_ids().begin(), request.prompt_ids().end()},
      request.include_payloads()};
}

absl::StatusOr<ListPromptsCall> ParseListPrompts(
    const api::ListPromptsRequest& request) {
  absl::StatusOr<std::string> run_id = ParseRunName("run", request.run());
  if (!run_id.ok()) return run_id.status();
  ListPromptsCall call;
  call.run_id = *std::move(run_id);
  call.include_payloads = request.include_payloads();
  absl::StatusOr<sampling::LabelFilter> filter = ParseFilter(request.filter());
  if (!filter.ok()) return filter.status();
  call.query.filter = *std::move(filter);
  absl::StatusOr<sampling::PromptView> view = ParseView(request.view());
  if (!view.ok()) return view.status();
  call.query.view = *view;
  absl::Status status = ParseOrder(request.order_by(), call.query);
  if (!status.ok()) return status;
  absl::StatusOr<size_t> page_size = ParsePageSize(request.page_size());
  if (!page_size.ok()) return page_size.status();
  call.query.page_size = *page_size;
  return call;
}

absl::StatusOr<UpdatePromptCall> ParseUpdatePrompt(
    const api::UpdatePromptRequest& request) {
  absl::StatusOr<std::string> run_id = ParseRunName("run", request.run());
  if (!run_id.ok()) return run_id.status();
  const FieldPath root("prompt");
  absl::Status status = CheckPromptId({root, "id"}, request.prompt().id());
  if (!status.ok()) return status;
  if (request.update_mask().paths().empty()) {
    return Refuse("update_mask", "no field", "must name what to change");
  }
  UpdatePromptCall call;
  call.run_id = *std::move(run_id);
  call.change.id = request.prompt().id();
  for (const std::string& path : request.update_mask().paths()) {
    status = TakePromptField(path, request.prompt(), call.change);
    if (!status.ok()) return status;
  }
  return call;
}

absl::StatusOr<PromptName> ParseDeletePrompt(
    const api::DeletePromptRequest& request) {
  return ParsePromptName("name", request.name());
}

}  // namespace vade::server
