// What a test of queues and registries needs: a pool whose workers can be held
// back, and calls whose answers can be waited for. Thread-compatible, but for
// what it says.
#ifndef VADE_TESTS_ENGINE_QUEUE_FIXTURE_H_
#define VADE_TESTS_ENGINE_QUEUE_FIXTURE_H_

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/sampling/run_queue.h"
#include "server/sampling/run_registry.h"
#include "server/sampling/worker_pool.h"
#include "storage/mutex.h"
#include "tests/engine/run_fixture.h"
#include "tests/simulation/manual_clock.h"
#include "tests/simulation/map_store.h"
#include "tests/storage/faulty_store.h"

namespace vade::sampling {

// Holds one worker of a pool from construction until Open().
class Gate {
 public:
  explicit Gate(WorkerPool& pool) {
    pool.Post([opened = promise_.get_future().share()] { opened.wait(); });
  }
  ~Gate() { Open(); }
  void Open() {
    if (!std::exchange(open_, true)) promise_.set_value();
  }

 private:
  std::promise<void> promise_;
  bool open_ = false;
};

// The order in which answers came. Thread-safe.
class AnswerLog {
 public:
  void Add(const std::string& name) {
    MutexLock lock(mu_);
    names_.push_back(name);
  }
  std::vector<std::string> names() const {
    MutexLock lock(mu_);
    return names_;
  }

 private:
  mutable Mutex mu_;
  std::vector<std::string> names_ ABSL_GUARDED_BY(mu_);
};

// One call: its answer, and a place for it in a log.
template <typename T>
class Call {
 public:
  // What to pass as `done`. Must be called once; `log` may be null.
  std::function<void(absl::StatusOr<T>)> Done(AnswerLog* log = nullptr,
                                              std::string name = "") {
    return [promise = promise_, log, name](absl::StatusOr<T> result) {
      if (log != nullptr) log->Add(name);
      promise->set_value(std::move(result));
    };
  }
  absl::StatusOr<T> Wait() { return future_.get(); }
  // Whether the answer is there already.
  bool answered() const {
    return future_.wait_for(std::chrono::seconds(0)) ==
           std::future_status::ready;
  }

 private:
  // shared_ptr: a copyable function holds it.
  std::shared_ptr<std::promise<absl::StatusOr<T>>> promise_ =
      std::make_shared<std::promise<absl::StatusOr<T>>>();
  std::future<absl::StatusOr<T>> future_ = promise_->get_future();
};

// One run "run" behind its queue, with `prompts` prompts, on a store that can
// fail.
class QueueFixture {
 public:
  // `writes_wait`: as the store says; if not, small calls are done in place.
  explicit QueueFixture(int prompts, SettingsSpec spec = {}, int threads = 1,
                        bool writes_wait = true);

  RunQueue& queue() { return *queue_; }
  WorkerPool& pool() { return *pool_; }
  storage::FaultyStore& store() { return store_; }
  simulation::ManualClock& clock() { return clock_; }
  RunRegistry& registry() { return *registry_; }

  // Starts a call; see Run for what it does.
  void Import(const std::string& id, Call<ImportResult>& call,
              AnswerLog* log = nullptr, CallSize size = CallSize::kAny);
  void Read(Call<RunInfo>& call, AnswerLog* log = nullptr,
            const std::string& name = "read", CallSize size = CallSize::kAny);
  // Waits for prompts up to `wait`.
  void Sample(const SampleRequest& request, absl::Duration wait,
              Call<SampleResult>& call, CancelFlag cancel = nullptr,
              AnswerLog* log = nullptr, const std::string& name = "sample");
  // These wait for the answer. Release and Report fail the test on an error.
  absl::StatusOr<SampleResult> SampleNow(const SampleRequest& request);
  void Release(const std::string& batch_id);
  RunInfo Info();
  // Ticks, and waits until the queue has done all that was asked before.
  void Tick();

 private:
  simulation::MapStore disk_;
  simulation::ManualClock clock_;
  storage::FaultyStore store_;
  std::unique_ptr<WorkerPool> pool_;
  std::unique_ptr<RunRegistry> registry_;
  std::shared_ptr<RunQueue> queue_;  // shared with the registry
};

}  // namespace vade::sampling

#endif  // VADE_TESTS_ENGINE_QUEUE_FIXTURE_H_
