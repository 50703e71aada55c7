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

// What a caller's thread does for others before it hands over to the pool: it
// has requests of its own to read.
constexpr size_t kMaxCallsInPlace = 256;
constexpr int kMaxCommitsInPlace = 1024;
// A selection that took longer is the pool's.
constexpr absl::Duration kMaxSelectionInPlace = absl::Microseconds(200);

}  // namespace

class RunQueue::SampleCall final : public Call {
 public:
  SampleCall(RunQueue& queue, SampleRequest request, absl::Time wait_until,
             CancelFlag cancel,
             std::function<void(absl::StatusOr<SampleResult>)> done,
             CallSize size)
      : Call(true, size),
        request(std::move(request)),
        wait_until(wait_until),
        queue_(queue),
        cancel_(std::move(cancel)),
        done_(std::move(done)) {}

  bool Apply(Run&, absl::Time now, const absl::Status& refused) override {
    if (refused.ok()) return queue_.TrySample(*this, now);
    result = refused;
    return true;
  }
  void Finish(const absl::Status& written) override {
    if (!written.ok() && result.ok()) result = written;
    done_(std::move(result));
  }
  bool cancelled() const { return cancel_ != nullptr && cancel_->load(); }

  const SampleRequest request;
  const absl::Time wait_until;
  absl::StatusOr<SampleResult> result;
  bool waiting = false;

 private:
  RunQueue& queue_;
  const CancelFlag cancel_;
  const std::function<void(absl::StatusOr<SampleResult>)> done_;
};

RunQueue::RunQueue(std::unique_ptr<Run> run, storage::Store& store,
                   WorkerPool& pool, const Clock& clock, RunLimits limits)
    : store_(store),
      pool_(pool),
      clock_(clock),
      limits_(limits),
      run_id_(run->record().id),
      run_number_(run->record().number),
      in_place_(!store.WritesWait()),
      run_(std::move(run)) {}

RunQueue::~RunQueue() = default;

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
  const bool few = request.batch_size <= kMaxPromptsOfSmallSample;
  const bool slow = slow_selections_.load(std::memory_order_relaxed);
  const CallSize size = !few   ? CallSize::kLarge
                        : slow ? CallSize::kAny
                               : CallSize::kSmall;
  Enqueue(std::make_unique<SampleCall>(*this, std::move(request), wait_until,
                                       std::move(cancel), std::move(done),
                                       size));
}

void RunQueue::Tick() {
  const absl::Time now = clock_.Now();
  {
    MutexLock lock(mu_);
    if (!health_.ok() || (now < due_ && counts_.waiting == 0)) return;
  }
  Change<bool>(
      [](Run& run, absl::Time at) {
        run.Tick(at);
        return true;
      },
      [](const absl::StatusOr<bool>&) {});
}

void RunQueue::Enqueue(CallPtr call) {
  const bool here = in_place_ && call->small();
  switch (Push(call)) {
    case Place::kFirst:
      return here ? DrainHere() : Schedule();
    case Place::kBehindOthers:
      return;
    case Place::kNone:
      // shared_ptr: work for the pool can be copied.
      pool_.Post([self = shared_from_this(),
                  call = std::shared_ptr<Call>(std::move(call))] {
        call->Apply(*self->run_, absl::InfinitePast(),
                    Overloaded("their turn"));
        call->Finish(absl::OkStatus());
      });
  }
}

RunQueue::Place RunQueue::Push(CallPtr& call) {
  MutexLock lock(mu_);
  if (queue_.size() >= limits_.queued_calls) return Place::kNone;
  queue_.push_back(std::move(call));
  ++counts_.calls;
  const bool left = holder_ == Holder::kWriter || left_to_writer_;
  const bool first =
      holder_ == Holder::kNobody || (left && queue_.back()->large());
  if (!first) return Place::kBehindOthers;
  holder_ = Holder::kThread;
  left_to_writer_ = false;
  return Place::kFirst;
}

RunQueue::CallPtr RunQueue::Pop(bool only_small) {
  if (taken_.empty()) {
    MutexLock lock(mu_);
    taken_.swap(queue_);
  }
  if (taken_.empty() || (only_small && !taken_.front()->small())) {
    return nullptr;
  }
  CallPtr call = std::move(taken_.front());
  taken_.pop_front();
  return call;
}

void RunQueue::Schedule() {
  pool_.Post([self = shared_from_this()] { self->DrainOnPool(); });
}

void RunQueue::DrainHere() {
  // The caller's, or one that a call's `done` lets go.
  const std::shared_ptr<RunQueue> self = shared_from_this();
  for (int i = 0; i < kMaxCommitsInPlace && NextIsSmall(); ++i) {
    // Nobody else writes: who does had the run before, and passed it on.
    ApplyWaiting(Until::kNotSmall);
    WriteAndAnswer(TakeCommit());
    if (!KeepRunIfCallsWait()) return;
  }
  Schedule();
}

void RunQueue::DrainOnPool() {
  // What was applied while another thread wrote is written first, unless the
  // write takes so long that it is better shared.
  const bool write_first = !applied_.empty() && !slow_writes_.load();
  ApplyWaiting(write_first ? Until::kNotSmall : Until::kLarge);
  while (writing_.load()) {
    const size_t applied = applied_.size();
    ApplyWaiting(Until::kLarge);
    if (applied_.size() == applied && !KeepRunUnlessWritten()) return;
  }
  writing_.store(true);
  const Commit commit = TakeCommit();
  if (PassRunOn()) Schedule();
  WriteAndAnswer(commit);
  if (EndWrite()) Schedule();
}

bool RunQueue::NextIsSmall() const {
  return waiting_.empty() && (taken_.empty() || taken_.front()->small());
}

void RunQueue::ApplyWaiting(Until until) {
  if (failed_.load()) refused_ = health();
  const absl::Time now = clock_.Now();
  ApplyCalls(now, until);
  ServeWaiting(now);
  UpdateDue();
}

void RunQueue::ApplyCalls(absl::Time now, Until until) {
  const bool only_small = until == Until::kNotSmall;
  const size_t limit = only_small ? kMaxCallsInPlace : kMaxCallsPerCommit;
  const absl::Status accepted;
  while (applied_.size() < limit && run_->pending_bytes() < kMaxCommitBytes) {
    CallPtr call = Pop(only_small);
    if (call == nullptr) return;
    const bool large = call->large();
    const absl::Time start = large ? clock_.Now() : now;
    const absl::Status& refused = call->changes() ? refused_ : accepted;
    if (call->Apply(*run_, now, refused)) {
      applied_.push_back(std::move(call));
    } else {
      // Only a sample call is not answered yet.
      waiting_.emplace_back(static_cast<SampleCall*>(call.release()));
    }
    if (!large) continue;
    apply_time_ =
        apply_time_.value_or(absl::ZeroDuration()) + clock_.Now() - start;
    if (!slow_writes_.load()) return;
  }
}

RunQueue::Commit RunQueue::TakeCommit() {
  const auto apply_time = std::exchange(apply_time_, std::nullopt);
  if (!apply_time.has_value()) {
    return {std::exchange(applied_, {}), run_->TakeMutation(), apply_time};
  }
  const absl::Time start = clock_.Now();
  Commit commit = {std::exchange(applied_, {}), run_->TakeMutation(), {}};
  commit.apply_time = *apply_time + (clock_.Now() - start);
  return commit;
}

bool RunQueue::KeepRunIfCallsWait() {
  if (!taken_.empty()) return true;
  MutexLock lock(mu_);
  if (queue_.empty()) holder_ = Holder::kNobody;
  return !queue_.empty();
}

bool RunQueue::KeepRunUnlessWritten() {
  MutexLock lock(mu_);
  left_to_writer_ = writing_.load();
  return !left_to_writer_;
}

bool RunQueue::PassRunOn() {
  MutexLock lock(mu_);
  const bool any = !taken_.empty() || !queue_.empty();
  const bool large = any && (taken_.empty() ? queue_ : taken_).front()->large();
  holder_ = large ? Holder::kThread : Holder::kWriter;
  return large;
}

void RunQueue::WriteAndAnswer(const Commit& commit) {
  const absl::Status written = Write(commit);
  for (const CallPtr& call : commit.calls) call->Finish(written);
}

absl::Status RunQueue::Write(const Commit& commit) {
  // After a failure nothing is written that builds on what was not.
  if (failed_.load()) return health();
  if (commit.mutation.empty()) return absl::OkStatus();
  const bool timed = commit.apply_time.has_value();
  const absl::Time start = timed ? clock_.Now() : absl::Time();
  const absl::Status written = store_.Write(commit.mutation);
  if (timed) slow_writes_.store(clock_.Now() - start > *commit.apply_time);
  MutexLock lock(mu_);
  if (written.ok()) {
    ++counts_.commits;
    counts_.committed_bytes += commit.mutation.bytes();
  } else {
    health_ = StorageFailed(written);
    failed_.store(true);
  }
  return health_;
}

bool RunQueue::EndWrite() {
  MutexLock lock(mu_);
  writing_.store(false);
  if (holder_ == Holder::kThread) return std::exchange(left_to_writer_, false);
  const bool any = !taken_.empty() || !queue_.empty();
  holder_ = any ? Holder::kThread : Holder::kNobody;
  return any;
}

// True if the call is to be answered now; false if it waits.
bool RunQueue::TrySample(SampleCall& call, absl::Time now) {
  if (call.cancelled()) {
    call.result = absl::CancelledError("the caller cancelled");
    return true;
  }
  const bool may_wait = call.wait_until > now;
  const bool behind_others =
      !call.waiting && may_wait &&
      !run_->HasRequestId(call.request.request_id) &&
      std::any_of(waiting_.begin(), waiting_.end(), [&](const auto& other) {
        return other->request.filter == call.request.filter;
      });
  if (!behind_others) {
    Select(call, now);
    if (call.result.ok() || !may_wait ||
        ErrorReason(call.result.status()) != "NOT_ENOUGH_ELIGIBLE") {
      return true;
    }
  }
  if (call.waiting) return false;
  if (waiting_.size() >= limits_.waiting_calls) {
    call.result = Overloaded("for prompts");
    return true;
  }
  call.waiting = true;
  return false;
}

void RunQueue::Select(SampleCall& call, absl::Time now) {
  const absl::Time start = clock_.Now();
  call.result = run_->Sample(call.request, now);
  if (call.request.batch_size > kMaxPromptsOfSmallSample) return;
  slow_selections_.store(clock_.Now() - start > kMaxSelectionInPlace,
                         std::memory_order_relaxed);
}

void RunQueue::ServeWaiting(absl::Time now) {
  // As of now: what the calls below free or cool down is for the next time.
  const uint64_t version = run_->eligible_version();
  bool changed = version != served_version_;
  std::vector<const LabelFilter*> blocked;
  std::deque<std::unique_ptr<SampleCall>> still_waiting;
  for (std::unique_ptr<SampleCall>& call : waiting_) {
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
      answered = TrySample(*call, now);
    }
    if (answered) {
      changed = true;  // those behind may have waited for this call alone
      applied_.push_back(std::move(call));
    } else {
      if (!is_blocked) blocked.push_back(&call->request.filter);
      still_waiting.push_back(std::move(call));
    }
  }
  waiting_ = std::move(still_waiting);
  served_version_ = version;
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
