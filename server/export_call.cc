#include "server/export_call.h"

#include <utility>

#include "server/messages.h"
#include "server/sampling/limits.h"

namespace vade::server {
namespace {

namespace api = sampler::v1;
using sampling::PromptChunk;
using sampling::PromptInfo;

// About what a prompt takes in a message, its numbers included.
uint64_t MessageBytes(const PromptInfo& prompt, bool include_payload) {
  uint64_t bytes = 160 + prompt.id.size();
  for (const auto& [key, value] : prompt.labels) {
    bytes += key.size() + value.size() + 8;
  }
  return include_payload ? bytes + prompt.payload_bytes : bytes;
}

// Cuts off what would make the message too large, one prompt staying at least.
void CutToSize(PromptChunk& chunk, bool include_payloads) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < chunk.prompts.size(); ++i) {
    bytes += MessageBytes(chunk.prompts[i], include_payloads);
    if (i > 0 && bytes > sampling::kMaxExportPayloadBytes) {
      chunk.next = chunk.prompts[i].index;
      chunk.prompts.resize(i);
      return;
    }
  }
}

}  // namespace

grpc::ServerWriteReactor<api::ExportPromptsResponse>* ExportCall::Start(
    const CallContext& context, const api::ExportPromptsRequest& request) {
  auto call = Make<ExportCall>(context);
  call->weak_self_ = call;
  absl::StatusOr<ExportPromptsCall> parsed = ParseExportPrompts(request);
  absl::Status status = parsed.status();
  if (status.ok()) {
    auto run = context.FindRun(parsed->run_id);
    status = run.status();
    if (run.ok()) call->run_ = *std::move(run);
  }
  if (status.ok()) status = context.gate.Join(call);
  if (!status.ok()) {
    call->End(status);
    return call.get();
  }
  call->filter_ = std::move(parsed->filter);
  call->include_payloads_ = parsed->include_payloads;
  call->ReadChunk();
  return call.get();
}

void ExportCall::ReadChunk() {
  run_->Read<PromptChunk>(
      [self = weak_self_.lock()](const sampling::Run& run) {
        return run.Export(self->filter_, self->begin_, sampling::kMaxPageSize);
      },
      [self = weak_self_.lock()](absl::StatusOr<PromptChunk> chunk) {
        if (!chunk.ok()) return self->End(chunk.status());
        self->TakeChunk(*std::move(chunk));
      });
}

void ExportCall::TakeChunk(PromptChunk chunk) {
  CutToSize(chunk, include_payloads_);
  at_end_ = !chunk.next.has_value();
  begin_ = chunk.next.value_or(0);
  if (chunk.prompts.empty()) {
    if (at_end_) return End(absl::OkStatus());
    {
      MutexLock lock(mu_);
      if (ended_locked()) return;
    }
    return ReadChunk();
  }
  message_.Clear();
  for (const PromptInfo& prompt : chunk.prompts) {
    Fill(prompt, *message_.add_prompts());
  }
  if (!include_payloads_) return Write();
  context_.ReadPayloads(run_->run_number(), IndexesOf(chunk.prompts),
                        [self = weak_self_.lock()](
                            absl::StatusOr<std::vector<std::string>> payloads) {
                          self->TakePayloads(std::move(payloads));
                        });
}

void ExportCall::TakePayloads(
    absl::StatusOr<std::vector<std::string>> payloads) {
  if (!payloads.ok()) return End(payloads.status());
  for (size_t i = 0; i < payloads->size(); ++i) {
    message_.mutable_prompts(static_cast<int>(i))
        ->set_payload(std::move((*payloads)[i]));
  }
  Write();
}

void ExportCall::Write() {
  MutexLock lock(mu_);
  if (ended_locked()) return;
  this->StartWrite(&message_);
}

void ExportCall::OnWriteDone(bool ok) {
  if (!ok) return End(absl::CancelledError("the caller is gone"));
  if (at_end_) return End(absl::OkStatus());
  ReadChunk();
}

void ExportCall::OnCancel() {
  End(absl::CancelledError("the caller cancelled"));
}

void ExportCall::OnDrain() { End(Draining()); }

}  // namespace vade::server
