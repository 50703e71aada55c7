#include "server/watch_call.h"

#include <utility>

#include "server/messages.h"
#include "server/sampling/error.h"
#include "server/sampling/run_registry.h"
#include "server/validation.h"

namespace vade::server {

namespace api = sampler::v1;
using sampling::RunStatsInfo;

grpc::ServerWriteReactor<api::RunStats>* WatchCall::Start(
    const CallContext& context, const api::WatchRunRequest& request) {
  auto call = Make<WatchCall>(context);
  call->weak_self_ = call;
  absl::StatusOr<WatchRunCall> parsed = ParseWatchRun(request);
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
  call->interval_ = parsed->interval;
  context.watch_timer.Add(call);
  call->OnTick(context.clock.Now());
  return call.get();
}

void WatchCall::OnTick(absl::Time now) {
  if (!RunIsThere()) return Stop(sampling::RunNotFound(run_->run_id()));
  const uint64_t commits = run_->counts().commits;
  {
    MutexLock lock(mu_);
    if (ended_locked() || busy_ || now < due_) return;
    if (sent_ && commits == shown_commits_) return;
    busy_ = true;
    sent_ = true;
    due_ = now + interval_;
    shown_commits_ = commits;
  }
  run_->Read<RunStatsInfo>(
      [](const sampling::Run& run) { return run.Stats(); },
      [self = weak_self_.lock()](absl::StatusOr<RunStatsInfo> stats) {
        self->Send(std::move(stats));
      });
}

bool WatchCall::RunIsThere() const {
  absl::StatusOr<sampling::RunRegistry*> registry = context_.gate.Registry();
  return registry.ok() && (*registry)->Find(run_->run_id()) == run_;
}

void WatchCall::Send(absl::StatusOr<RunStatsInfo> stats) {
  if (!stats.ok()) return Stop(stats.status());
  const absl::Time now = context_.clock.Now();
  MutexLock lock(mu_);
  if (ended_locked()) return;
  message_.Clear();
  Fill(*stats, now, message_);
  this->StartWrite(&message_);
}

void WatchCall::OnWriteDone(bool ok) {
  if (!ok) return Stop(absl::CancelledError("the caller is gone"));
  MutexLock lock(mu_);
  busy_ = false;
}

void WatchCall::Stop(const absl::Status& status) {
  context_.watch_timer.Remove(this);
  End(status);
}

void WatchCall::OnCancel() {
  Stop(absl::CancelledError("the caller cancelled"));
}

void WatchCall::OnDrain() { Stop(Draining()); }

}  // namespace vade::server
