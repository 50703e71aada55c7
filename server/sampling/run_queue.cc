#include "server/sampling/run_queue.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/sampling/error.h"
#include "server/sampling/limits.h"

namespace vade::sampling {
namespace {

absl::Status Overloaded(absl::string_view what) {
  return MakeError(absl::StatusCode::kResourceExhausted, "OVERLOADED",
                   absl::StrCat("too many calls of this run wait ", what,
                                "; repeat with backoff"));
}

absl::Status StorageFailed(const absl::Status& cause) {
  return MakeError(
      absl::StatusCode::kUnavailable, "STORAGE_FAILED",
      absl::StrCat("a write failed, and the run takes no changes until the "
                   "server restarts on a healthy disk: ",
                   cause.message()));
}

}  // namespace

struct RunQueue::SampleCall {
  SampleRequest request;
  absl::Time wait_until;
  CancelFlag cancel;
  std::function<void(absl::StatusOr<SampleResult>)> done;
  absl::StatusOr<SampleResult> result = absl::UnknownError("");
  bool waiting = false;

  bool cancelled() const { return cancel != nullptr && cancel->load(); }
  void Finish(const absl::Status& written) {
    if (!written.ok() && result.ok()) result = written;
    done(std::move(result));
  }
};

RunQueue::RunQueue(std::unique_ptr<Run> run, storage::Store& store,
                   WorkerPool& pool, const Clock& clock, RunLimits limits)
    : store_(store),
      pool_(pool),
      clock_(clock),
      limits_(limits),
      run_id_(run->record().id),
      run_number_(run->record().number),
      run_(std::move(run)) {}

std::shared_ptr<RunQueue> RunQueue::Make(std::unique_ptr<Run> run,
                                         storage::Store& store,
                                         WorkerPool& pool, const Clock& clock,
                                         RunLimits limits) {
  return std::shared_ptr<RunQueue>(
      new RunQueue(std::move(run), store, pool, clock, limits));
}

void RunQueue::Sample(SampleRequest request, absl::Time wait_until,
                      CancelFlag cancel,
                      std::function<void(absl::StatusOr<SampleResult>)> done) {
  auto sample = std::make_shared<SampleCall>();
  sample->request = std::move(request);
  sample->wait_until = wait_until;
  sample->cancel = std::move(cancel);
  sample->done = std::move(done);
  Call call;
  call.changes = true;
  call.apply = [this, sample](Run&, absl::Time now,
                              const absl::Status& refused) {
    if (refused.ok()) return TrySample(sample, now);
    sample->result = refused;
    return true;
  };
  call.finish = [sample](const absl::Status& written) {
    sample->Finish(written);
  };
  Enqueue(std::move(call));
}

void RunQueue::Tick() {
  const absl::Time now = clock_.Now();
  {
    MutexLock lock(mu_);
    if (!health_.ok() || (now < due_ && counts_.waiting == 0)) return;
  }
  Change<bool>(
      [](Run& run, absl::Time at) -> absl::StatusOr<bool> {
        run.Tick(at);
        return true;
      },
      [](absl::StatusOr<bool>) {});
}

void RunQueue::Enqueue(Call call) {
  switch (Push(call)) {
    case Place::kFirst:
      return Schedule();
    case Place::kBehindOthers:
      return;
    case Place::kNone:
      pool_.Post([self = shared_from_this(), call = std::move(call)] {
        call.apply(*self->run_, absl::InfinitePast(), Overloaded("their turn"));
        call.finish(absl::OkStatus());
      });
  }
}

RunQueue::Place RunQueue::Push(Call& call) {
  MutexLock lock(mu_);
  if (queue_.size() >= limits_.queued_calls) return Place::kNone;
  queue_.push_back(std::move(call));
  ++counts_.calls;
  const bool first = !scheduled_;
  scheduled_ = true;
  return first ? Place::kFirst : Place::kBehindOthers;
}

bool RunQueue::Pop(Call& call) {
  MutexLock lock(mu_);
  if (queue_.empty()) return false;
  call = std::move(queue_.front());
  queue_.pop_front();
  return true;
}

void RunQueue::Schedule() {
  if (getenv("VADE_INLINE")) { auto self = shared_from_this(); self->Drain(); return; }
  pool_.Post([self = shared_from_this()] { self->Drain(); });
}

void RunQueue::Drain() {
  const absl::Time now = clock_.Now();
  std::vector<Call> applied;
  ApplyCalls(now, applied);
  ServeWaiting(now, applied);
  const absl::Status written = WriteChanges();
  UpdateDue();
  for (const Call& call : applied) call.finish(written);
  {
    MutexLock lock(mu_);
    if (queue_.empty()) {
      scheduled_ = false;
      return;
    }
  }
  Schedule();
}

void RunQueue::ApplyCalls(absl::Time now, std::vector<Call>& applied) {
  Call call;
  while (applied.size() < kMaxCallsPerCommit &&
         run_->pending_bytes() < kMaxCommitBytes && Pop(call)) {
    const absl::Status refused = call.changes ? refused_ : absl::OkStatus();
    if (call.apply(*run_, now, refused)) applied.push_back(std::move(call));
  }
}

// True if the call is to be answered now; false if it waits.
bool RunQueue::TrySample(const std::shared_ptr<SampleCall>& call,
                         absl::Time now) {
  if (call->cancelled()) {
    call->result = absl::CancelledError("the caller cancelled");
    return true;
  }
  const bool may_wait = call->wait_until > now;
  const bool behind_others =
      !call->waiting && may_wait &&
      !run_->HasRequestId(call->request.request_id) &&
      std::any_of(waiting_.begin(), waiting_.end(), [&](const auto& other) {
        return other->request.filter == call->request.filter;
      });
  if (!behind_others) {
    call->result = run_->Sample(call->request, now);
    if (call->result.ok() || !may_wait ||
        ErrorReason(call->result.status()) != "NOT_ENOUGH_ELIGIBLE") {
      return true;
    }
  }
  if (call->waiting) return false;
  if (waiting_.size() >= limits_.waiting_calls) {
    call->result = Overloaded("for prompts");
    return true;
  }
  call->waiting = true;
  waiting_.push_back(call);
  return false;
}

void RunQueue::ServeWaiting(absl::Time now, std::vector<Call>& applied) {
  // As of now: what the calls below free or cool down is for the next time.
  const uint64_t version = run_->eligible_version();
  bool changed = version != served_version_;
  std::vector<const LabelFilter*> blocked;
  std::deque<std::shared_ptr<SampleCall>> still_waiting;
  for (const std::shared_ptr<SampleCall>& call : waiting_) {
    const bool due = call->cancelled() || call->wait_until <= now ||
                     !refused_.ok() ||
                     run_->HasRequestId(call->request.request_id);
    const bool is_blocked = std::any_of(
        blocked.begin(), blocked.end(),
        [&](const auto* filter) { return *filter == call->request.filter; });
    bool answered = false;
    if (!refused_.ok()) {
      call->result = refused_;
      answered = true;
    } else if (due || (changed && !is_blocked)) {
      answered = TrySample(call, now);
    }
    if (answered) {
      changed = true;  // those behind may have waited for this call alone
      applied.push_back({true, nullptr, [call](const absl::Status& written) {
                           call->Finish(written);
                         }});
    } else {
      if (!is_blocked) blocked.push_back(&call->request.filter);
      still_waiting.push_back(call);
    }
  }
  waiting_ = std::move(still_waiting);
  served_version_ = version;
}

absl::Status RunQueue::WriteChanges() {
  if (!refused_.ok()) return refused_;
  const storage::Mutation mutation = run_->TakeMutation();
  if (mutation.empty()) return absl::OkStatus();
  const absl::Status written = store_.Write(mutation);
  if (!written.ok()) refused_ = StorageFailed(written);
  MutexLock lock(mu_);
  if (written.ok()) {
    ++counts_.commits;
    counts_.committed_bytes += mutation.bytes();
  } else {
    health_ = refused_;
  }
  return refused_;
}

void RunQueue::UpdateDue() {
  absl::Time due = run_->NextTick();
  for (const auto& call : waiting_) due = std::min(due, call->wait_until);
  MutexLock lock(mu_);
  due_ = due;
  counts_.waiting = waiting_.size();
}

QueueCounts RunQueue::counts() const {
  MutexLock lock(mu_);
  return counts_;
}

absl::Status RunQueue::health() const {
  MutexLock lock(mu_);
  return health_;
}

}  // namespace vade::sampling
