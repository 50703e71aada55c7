#include "server/sampling/serial_queue.h"

#include <utility>

namespace vade::sampling {

SerialQueue::SerialQueue(WorkerPool& pool)
    : pool_(pool), state_(std::make_shared<State>()) {}

void SerialQueue::Post(std::function<void()> work) {
  {
    MutexLock lock(state_->mu);
    state_->queue.push_back(std::move(work));
    if (state_->scheduled) return;
    state_->scheduled = true;
  }
  pool_.Post([state = state_, &pool = pool_] { RunNext(state, pool); });
}

void SerialQueue::RunNext(const std::shared_ptr<State>& state,
                          WorkerPool& pool) {
  std::function<void()> work;
  {
    MutexLock lock(state->mu);
    work = std::move(state->queue.front());
    state->queue.pop_front();
  }
  work();
  {
    MutexLock lock(state->mu);
    if (state->queue.empty()) {
      state->scheduled = false;
      return;
    }
  }
  pool.Post([state, &pool] { RunNext(state, pool); });
}

}  // namespace vade::sampling
