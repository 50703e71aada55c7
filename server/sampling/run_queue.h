// RunQueue: the one way to a Run. Calls wait in a queue; a worker takes all
// that wait, applies them in order, writes their changes as one mutation, and
// only then answers them, reads too, so no answer shows what a crash could
// take back. While it writes, the next calls gather. No lock is held during
// the write, and the run itself needs none: one worker at a time touches it.
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

class RunQueue : public std::enable_shared_from_this<RunQueue> {
 public:
  // shared_ptr: work posted to the pool keeps the queue alive after its run
  // was deleted. `store`, `pool` and `clock` outlive it.
  static std::shared_ptr<RunQueue> Make(std::unique_ptr<Run> run,
                                        storage::Store& store, WorkerPool& pool,
                                        const Clock& clock,
                                        RunLimits limits = {});

  // `done` is called exactly once, on a worker, after the effects of `op` and
  // of everything before it are durable. It must not block; what is slow is
  // posted to the pool.
  template <typename T>
  void Change(std::function<absl::StatusOr<T>(Run&, absl::Time)> op,
              std::function<void(absl::StatusOr<T>)> done);
  template <typename T>
  void Read(std::function<absl::StatusOr<T>(const Run&)> op,
            std::function<void(absl::StatusOr<T>)> done);

  // Run::Sample, waiting until `wait_until` for prompts to become eligible.
  // Waiting calls with the same filter are served in order of arrival; a call
  // that does not wait is tried at once.
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
  // One call: `apply` runs it and keeps its result, or takes `refused` for it;
  // `finish` answers, with `written` instead if that failed a change. False
  // from `apply`: not to be answered yet.
  struct Call {
    bool changes = false;
    std::function<bool(Run&, absl::Time, const absl::Status& refused)> apply;
    std::function<void(const absl::Status& written)> finish;
  };
  // A sample call, which may wait.
  struct SampleCall;

  RunQueue(std::unique_ptr<Run> run, storage::Store& store, WorkerPool& pool,
           const Clock& clock, RunLimits limits);

  template <typename T>
  void Enqueue(bool changes,
               std::function<absl::StatusOr<T>(Run&, absl::Time)> op,
               std::function<void(absl::StatusOr<T>)> done);
  void Enqueue(Call call);
  // Where a call came to stand: a worker must be found for the first one; a
  // full queue takes none, and leaves `call` as it is.
  enum class Place { kFirst, kBehindOthers, kNone };
  Place Push(Call& call);
  bool Pop(Call& call);
  void Schedule();

  // The steps of the one worker that has the run.
  void Drain();
  void ApplyCalls(absl::Time now, std::vector<Call>& applied);
  bool TrySample(const std::shared_ptr<SampleCall>& call, absl::Time now);
  void ServeWaiting(absl::Time now, std::vector<Call>& applied);
  absl::Status WriteChanges();
  void UpdateDue();

  storage::Store& store_;
  WorkerPool& pool_;
  const Clock& clock_;
  const RunLimits limits_;
  const std::string run_id_;
  const uint32_t run_number_;

  // Touched only by the worker that has set scheduled_, one at a time; the
  // hand-over from one to the next goes through mu_.
  std::unique_ptr<Run> run_;
  std::deque<std::shared_ptr<SampleCall>> waiting_;
  uint64_t served_version_ = 0;
  absl::Status refused_;

  mutable Mutex mu_;
  std::deque<Call> queue_ ABSL_GUARDED_BY(mu_);
  bool scheduled_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status health_ ABSL_GUARDED_BY(mu_);
  QueueCounts counts_ ABSL_GUARDED_BY(mu_);
  // When Tick has something to do.
  absl::Time due_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
};

template <typename T>
void RunQueue::Enqueue(bool changes,
                       std::function<absl::StatusOr<T>(Run&, absl::Time)> op,
                       std::function<void(absl::StatusOr<T>)> done) {
  auto result = std::make_shared<absl::StatusOr<T>>(absl::UnknownError(""));
  Call call;
  call.changes = changes;
  call.apply = [op = std::move(op), result](Run& run, absl::Time now,
                                            const absl::Status& refused) {
    if (refused.ok()) {
      *result = op(run, now);
    } else {
      *result = refused;
    }
    return true;
  };
  call.finish = [done = std::move(done), result,
                 changes](const absl::Status& written) {
    if (changes && !written.ok() && result->ok()) *result = written;
    done(std::move(*result));
  };
  Enqueue(std::move(call));
}

template <typename T>
void RunQueue::Change(std::function<absl::StatusOr<T>(Run&, absl::Time)> op,
                      std::function<void(absl::StatusOr<T>)> done) {
  Enqueue<T>(true, std::move(op), std::move(done));
}

template <typename T>
void RunQueue::Read(std::function<absl::StatusOr<T>(const Run&)> op,
                    std::function<void(absl::StatusOr<T>)> done) {
  Enqueue<T>(
      false, [op = std::move(op)](Run& run, absl::Time) { return op(run); },
      std::move(done));
}

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_RUN_QUEUE_H_
