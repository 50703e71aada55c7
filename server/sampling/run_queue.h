// RunQueue: the one way to a Run. Calls wait in a queue; one thread takes those
// that wait, applies them in order, writes their changes as one mutation, and
// only then answers them, reads too, so no answer shows what a crash could
// take back. No lock is held during the write, and the run itself needs none:
// one thread at a time touches it.
//
// While a thread writes, small calls gather. A large one is applied at once by
// another thread, with what gathered, to be written next: so the run may be
// ahead of the store by a write and the one after it. Writes are answered in
// their order, each before the next begins.
//
// That thread is a worker of the pool or, where the store does not wait for a
// disk, the caller of a small call that finds the queue idle: it works off its
// own call and the small ones that come meanwhile, up to a limit, and leaves
// all else to the pool.
//
// A failed write stops the run's changes with STORAGE_FAILED until the server
// restarts; reads go on, and may show the change whose write failed.
//
// Owned by the RunRegistry. Thread-safe.
#ifndef VADE_SERVER_SAMPLING_RUN_QUEUE_H_
#define VADE_SERVER_SAMPLING_RUN_QUEUE_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/sampling/clock.h"
#include "server/sampling/limits.h"
#include "server/sampling/requests.h"
#include "server/sampling/run.h"
#include "server/sampling/worker_pool.h"
#include "storage/mutex.h"
#include "storage/store.h"

namespace vade::sampling {

// Set by a caller that does not want its answer any more. A waiting call that
// finds it set is answered CANCELLED and never deals.
using CancelFlag = std::shared_ptr<std::atomic<bool>>;

// What every call of a queue came to, for metrics.
struct QueueCounts {
  uint64_t calls = 0;
  uint64_t commits = 0;
  uint64_t committed_bytes = 0;
  uint64_t waiting = 0;  // now, for prompts
};

// How much work a call is. A small one, a matter of microseconds, may be done
// on the thread that makes a small call of the same run. A large one, a tenth
// of a millisecond or more, is worth a write of its own.
enum class CallSize { kAny, kSmall, kLarge };

class RunQueue : public std::enable_shared_from_this<RunQueue> {
 public:
  // shared_ptr: work posted to the pool keeps the queue alive after its run
  // was deleted. `store`, `pool` and `clock` outlive it.
  static std::shared_ptr<RunQueue> Make(std::unique_ptr<Run> run,
                                        storage::Store& store, WorkerPool& pool,
                                        const Clock& clock,
                                        RunLimits limits = {});
  ~RunQueue();

  // `op` is (Run&, absl::Time) to absl::StatusOr<T>, for Read (const Run&) to
  // the same or to T; `done` takes an absl::StatusOr<T>. `done` is called
  // exactly once, after the effects of `op` and of everything before it are
  // durable: on a worker, or, if the call is small, on a thread that makes a
  // small call, perhaps before that call returns. So who makes a small call
  // holds no lock that the `done` of a small call takes. `done` must not
  // block; what is slow is posted to the pool.
  template <typename T, typename Op, typename Done>
  void Change(Op op, Done done, CallSize size = CallSize::kAny);
  template <typename T, typename Op, typename Done>
  void Read(Op op, Done done, CallSize size = CallSize::kAny);

  // Run::Sample, waiting until `wait_until` for prompts to become eligible.
  // Waiting calls with the same filter are served in order of arrival; a call
  // that does not wait is tried at once. A small call if it asks for few
  // prompts and the run has been quick to select lately.
  void Sample(SampleRequest request, absl::Time wait_until, CancelFlag cancel,
              std::function<void(absl::StatusOr<SampleResult>)> done);

  // Has the queue look at leases, retention and waiting calls that are due.
  void Tick();

  // Fixed for the life of the run.
  const std::string& run_id() const { return run_id_; }
  uint32_t run_number() const { return run_number_; }
  QueueCounts counts() const;
  // The error of the failed write, OK if there was none.
  absl::Status health() const;

 private:
  // One call, from its arrival to its answer.
  class Call {
   public:
    Call(bool changes, CallSize size) : changes_(changes), size_(size) {}
    virtual ~Call() = default;

    // Runs it and keeps its result, or takes `refused` for it. False: not to
    // be answered yet.
    virtual bool Apply(Run& run, absl::Time now,
                       const absl::Status& refused) = 0;
    // Answers, with `written` instead if that failed a change.
    virtual void Finish(const absl::Status& written) = 0;

    bool changes() const { return changes_; }
    bool small() const { return size_ == CallSize::kSmall; }
    bool large() const { return size_ == CallSize::kLarge; }

   private:
    const bool changes_;
    const CallSize size_;
  };
  using CallPtr = std::unique_ptr<Call>;
  template <typename T, typename Op, typename Done>
  class TypedCall;
  // A sample call, the only one that may wait.
  class SampleCall;

  RunQueue(std::unique_ptr<Run> run, storage::Store& store, WorkerPool& pool,
           const Clock& clock, RunLimits limits);

  // Calls that are answered together, and what they changed.
  struct Commit {
    std::vector<CallPtr> calls;
    storage::Mutation mutation;
    std::optional<absl::Duration> apply_time;  // if any call is large
  };
  // Who has the run.
  enum class Holder {
    kNobody,  // no call waits, and nothing is written
    kThread,  // one does, or will, or applied calls wait for the writer
    kWriter,  // who writes takes it when that is done, if calls wait then
  };

  void Enqueue(CallPtr call);
  // Where a call came to stand: a thread must be found for the first one; a
  // full queue takes none, and leaves `call` as it is.
  enum class Place { kFirst, kBehindOthers, kNone };
  Place Push(CallPtr& call);
  void Schedule();

  // What a thread does that has the run: small calls, one commit after the
  // other; or one commit of any calls, whoever has the run afterwards.
  void DrainHere();
  void DrainOnPool();

  // The steps of the one thread that has the run. Applies what waits until
  // applied_ makes a commit: all small calls, or all calls to the first large
  // one, or to the last if the disk is what large calls wait for.
  enum class Until { kNotSmall, kLarge };
  void ApplyWaiting(Until until);
  void ApplyCalls(absl::Time now, Until until);
  // The next call in order, null if there is none; `only_small`: or none that
  // is small.
  CallPtr Pop(bool only_small);
  // Whether what comes next, as far as it is known, is small.
  bool NextIsSmall() const;
  bool TrySample(SampleCall& call, absl::Time now);
  void Select(SampleCall& call, absl::Time now);
  void ServeWaiting(absl::Time now);
  void UpdateDue();
  Commit TakeCommit();
  // Each may end with the run in other hands. True: this thread has it still.
  bool KeepRunIfCallsWait();
  bool KeepRunUnlessWritten();
  // True if the run is to go to another thread during the write.
  bool PassRunOn();

  // The steps of the one thread that writes, which may not have the run.
  void WriteAndAnswer(const Commit& commit);
  absl::Status Write(const Commit& commit);
  // True if this thread has the run now.
  bool EndWrite();

  storage::Store& store_;
  WorkerPool& pool_;
  const Clock& clock_;
  const RunLimits limits_;
  const std::string run_id_;
  const uint32_t run_number_;
  // Whether small calls are done where they are made.
  const bool in_place_;
  // Whether selections of few prompts took long lately. Atomic: callers look
  // while another thread has the run; a stale answer costs time only.
  std::atomic<bool> slow_selections_{false};
  // Whether the last commit with large calls took longer to write than they to
  // apply: then more of them share a write. As above.
  std::atomic<bool> slow_writes_{false};

  // Touched only by the thread that has the run, one at a time; the hand-over
  // from one to the next goes through mu_.
  std::unique_ptr<Run> run_;
  std::deque<CallPtr> taken_;     // from queue_, before all that is still there
  std::vector<CallPtr> applied_;  // and not part of a commit yet
  // Of the large ones of these, if there are any.
  std::optional<absl::Duration> apply_time_;
  std::deque<std::unique_ptr<SampleCall>> waiting_;
  uint64_t served_version_ = 0;
  absl::Status refused_;

  // Whether a thread of the pool writes. Set by the thread that has the run
  // then, unset by itself, under mu_.
  std::atomic<bool> writing_{false};
  // Whether health_ is not OK.
  std::atomic<bool> failed_{false};

  mutable Mutex mu_;
  std::deque<CallPtr> queue_ ABSL_GUARDED_BY(mu_);
  Holder holder_ ABSL_GUARDED_BY(mu_) = Holder::kNobody;
  // Whether the thread that had the run left it to the writer.
  bool left_to_writer_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status health_ ABSL_GUARDED_BY(mu_);
  QueueCounts counts_ ABSL_GUARDED_BY(mu_);
  // When Tick has something to do.
  absl::Time due_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
};

template <typename T, typename Op, typename Done>
class RunQueue::TypedCall final : public Call {
 public:
  TypedCall(bool changes, CallSize size, Op op, Done done)
      : Call(changes, size), op_(std::move(op)), done_(std::move(done)) {}

  bool Apply(Run& run, absl::Time now, const absl::Status& refused) override {
    if (refused.ok()) {
      result_ = op_(run, now);
    } else {
      result_ = refused;
    }
    return true;
  }
  void Finish(const absl::Status& written) override {
    if (changes() && !written.ok() && result_.ok()) result_ = written;
    done_(std::move(result_));
  }

 private:
  Op op_;
  Done done_;
  absl::StatusOr<T> result_;
};

template <typename T, typename Op, typename Done>
void RunQueue::Change(Op op, Done done, CallSize size) {
  Enqueue(std::make_unique<TypedCall<T, Op, Done>>(true, size, std::move(op),
                                                   std::move(done)));
}

template <typename T, typename Op, typename Done>
void RunQueue::Read(Op op, Done done, CallSize size) {
  auto read = [op = std::move(op)](const Run& run, absl::Time) {
    return op(run);
  };
  Enqueue(std::make_unique<TypedCall<T, decltype(read), Done>>(
      false, size, std::move(read), std::move(done)));
}

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_RUN_QUEUE_H_
