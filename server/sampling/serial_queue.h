// SerialQueue: runs posted work on a pool, one after another in order of
// posting. Thread-safe.
#ifndef VADE_SERVER_SAMPLING_SERIAL_QUEUE_H_
#define VADE_SERVER_SAMPLING_SERIAL_QUEUE_H_

#include <deque>
#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "server/sampling/worker_pool.h"
#include "storage/mutex.h"

namespace vade::sampling {

class SerialQueue {
 public:
  // `pool` outlives the work.
  explicit SerialQueue(WorkerPool& pool);

  void Post(std::function<void()> work);

 private:
  // shared_ptr: work in the pool outlives the queue.
  struct State {
    Mutex mu;
    std::deque<std::function<void()>> queue ABSL_GUARDED_BY(mu);
    bool scheduled ABSL_GUARDED_BY(mu) = false;
  };
  static void RunNext(const std::shared_ptr<State>& state, WorkerPool& pool);

  WorkerPool& pool_;
  const std::shared_ptr<State> state_;
};

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_SERIAL_QUEUE_H_
