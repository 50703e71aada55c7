// WatchTimer: tells those who watch a run, several times a second, that time
// has passed. One thread for all of them. Owned by the Server. Thread-safe.
#ifndef VADE_SERVER_WATCH_TIMER_H_
#define VADE_SERVER_WATCH_TIMER_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "storage/mutex.h"

namespace vade::server {

class Watcher {
 public:
  virtual ~Watcher() = default;
  // Must not block. May come once more after Remove.
  virtual void OnTick(absl::Time now) = 0;
};

class WatchTimer {
 public:
  void Add(const std::shared_ptr<Watcher>& watcher);
  void Remove(const Watcher* watcher);

  // Called by the server's ticker.
  void Tick(absl::Time now);

 private:
  Mutex mu_;
  // weak_ptr: a watching call owns itself until gRPC is done with it.
  absl::flat_hash_map<const Watcher*, std::weak_ptr<Watcher>> watchers_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace vade::server

#endif  // VADE_SERVER_WATCH_TIMER_H_
