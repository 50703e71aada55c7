#include "server/import_call.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/field_checks.h"
#include "server/messages.h"
#include "server/status_mapping.h"

namespace vade::server {

namespace api = sampler::v1;
using sampling::ImportResult;

grpc::ServerReadReactor<api::ImportPromptsRequest>* ImportCall::Start(
    const CallContext& context, api::ImportPromptsResponse* response) {
  auto call = Make<ImportCall>(context, response);
  call->weak_self_ = call;
  absl::Status status = context.gate.Enter().status();
  if (status.ok()) status = context.gate.Join(call);
  if (!status.ok()) {
    call->End(status);
    return call.get();
  }
  MutexLock lock(call->mu_);
  call->GoOnLocked();
  return call.get();
}

void ImportCall::OnReadDone(bool ok) {
  absl::Status status;
  if (ok) status = TakeMessage();
  MutexLock lock(mu_);
  reading_ = false;
  if (!ok) {
    read_all_ = true;
    if (run_ == nullptr && failure_.ok()) {
      failure_ =
          Refuse("run", "no message", "must be named in the first message");
    }
  } else if (!status.ok() && failure_.ok()) {
    failure_ = status;
  }
  GoOnLocked();
}

absl::Status ImportCall::TakeMessage() {
  absl::StatusOr<ImportMessage> message = ParseImportMessage(message_);
  if (!message.ok()) return message.status();
  absl::Status status = TakeRun(*message);
  if (!status.ok()) return status;
  {
    MutexLock lock(mu_);
    if (!failure_.ok() || ended_locked()) return absl::OkStatus();
    ++writing_;
  }
  auto self = weak_self_.lock();
  run_->Change<ImportResult>(
      [self, request = sampling::ImportRequest{std::move(message->prompts),
                                               existing_}](
          sampling::Run& run, absl::Time now) -> absl::StatusOr<ImportResult> {
        if (self->refused_) return absl::CancelledError("after a failure");
        absl::StatusOr<ImportResult> result = run.Import(request, now);
        if (!result.ok()) self->refused_ = true;
        return result;
      },
      [self](const absl::StatusOr<ImportResult>& result) {
        self->OnWritten(result);
      });
  return absl::OkStatus();
}

absl::Status ImportCall::TakeRun(const ImportMessage& message) {
  if (run_ == nullptr) {
    if (message.run_id.empty()) {
      return Refuse("run", "''", "must be set in the first message");
    }
    auto run = context_.FindRun(message.run_id);
    if (!run.ok()) return run.status();
    run_ = *std::move(run);
    run_id_ = message.run_id;
    existing_ = message.existing.value_or(existing_);
    return absl::OkStatus();
  }
  if (!message.run_id.empty() && message.run_id != run_id_) {
    return Refuse("run", Quoted(message.run_id),
                  absl::StrCat("must stay ", run_id_, " in one stream"));
  }
  if (message.existing.has_value() && *message.existing != existing_) {
    return Refuse("existing_prompts", "another value",
                  "must stay as in the first message");
  }
  return absl::OkStatus();
}

void ImportCall::OnWritten(const absl::StatusOr<ImportResult>& result) {
  MutexLock lock(mu_);
  --writing_;
  if (result.ok()) {
    total_.created += result->created;
    total_.updated += result->updated;
    total_.skipped += result->skipped;
  } else if (failure_.ok()) {
    failure_ = result.status();
  }
  GoOnLocked();
}

void ImportCall::Fail(const absl::Status& status) {
  MutexLock lock(mu_);
  if (failure_.ok()) failure_ = status;
  GoOnLocked();
}

void ImportCall::OnCancel() {
  Fail(absl::CancelledError("the caller cancelled"));
}

void ImportCall::OnDrain() { Fail(Draining()); }

void ImportCall::GoOnLocked() {
  if (ended_locked()) return;
  if (failure_.ok() && !read_all_) {
    if (!reading_ && writing_ < kMaxWriting) {
      reading_ = true;
      this->StartRead(&message_);
    }
    return;
  }
  // What is being written must be counted first.
  if (writing_ > 0) return;
  if (failure_.ok()) {
    Fill(total_, *response_);
    return EndLocked(absl::OkStatus());
  }
  const uint64_t imported = total_.created + total_.updated + total_.skipped;
  EndLocked(Appended(failure_, absl::StrCat("; ", imported,
                                            " prompts of earlier messages "
                                            "were imported")));
}

}  // namespace vade::server
