// Ticker: a thread that does something over and over. Owned by the Server.
// Thread-safe.
#ifndef VADE_SERVER_TICKER_H_
#define VADE_SERVER_TICKER_H_

#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "storage/mutex.h"

namespace vade::server {

class Ticker {
 public:
  // Calls `tick` about every `period`, from one thread.
  Ticker(absl::Duration period, std::function<void()> tick)
      : thread_([this, period, tick = std::move(tick)] {
          while (Pause(period)) tick();
        }) {}
  ~Ticker() { Stop(); }
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

  // Waits for a tick that goes on; none comes after.
  void Stop() {
    {
      MutexLock lock(mu_);
      stopping_ = true;
      wake_.NotifyAll();
    }
    if (thread_.joinable()) thread_.join();
  }

 private:
  // False if it is time to stop.
  bool Pause(absl::Duration period) {
    MutexLock lock(mu_);
    // True from WaitFor: woken, maybe for no reason.
    while (!stopping_ && wake_.WaitFor(mu_, period)) {
    }
    return !stopping_;
  }

  Mutex mu_;
  CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;  // constant after construction, last to be made
};

}  // namespace vade::server

#endif  // VADE_SERVER_TICKER_H_
