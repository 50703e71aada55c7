#include "server/watch_timer.h"

#include <utility>
#include <vector>

namespace vade::server {

void WatchTimer::Add(const std::shared_ptr<Watcher>& watcher) {
  MutexLock lock(mu_);
  watchers_.emplace(watcher.get(), watcher);
}

void WatchTimer::Remove(const Watcher* watcher) {
  MutexLock lock(mu_);
  watchers_.erase(watcher);
}

void WatchTimer::Tick(absl::Time now) {
  std::vector<std::shared_ptr<Watcher>> watchers;
  {
    MutexLock lock(mu_);
    watchers.reserve(watchers_.size());
    for (const auto& [unused, weak] : watchers_) {
      if (std::shared_ptr<Watcher> watcher = weak.lock()) {
        watchers.push_back(std::move(watcher));
      }
    }
  }
  // Without the lock: a watcher that ends removes itself.
  for (const std::shared_ptr<Watcher>& watcher : watchers) {
    watcher->OnTick(now);
  }
}

}  // namespace vade::server
