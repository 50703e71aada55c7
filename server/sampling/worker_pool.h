// WorkerPool: a fixed number of threads that run posted work in order of
// posting. Thread-safe.
#ifndef VADE_SERVER_SAMPLING_WORKER_POOL_H_
#define VADE_SERVER_SAMPLING_WORKER_POOL_H_

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "storage/mutex.h"

namespace vade::sampling {

class WorkerPool {
 public:
  explicit WorkerPool(int threads);
  // Runs everything that was posted, then ends the threads.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  void Post(std::function<void()> work);

 private:
  void Loop();

  Mutex mu_;
  CondVar wake_;
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;  // constant after construction
};

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_WORKER_POOL_H_
