// Gate: whether calls are let in. Closed while runs are loaded and while the
// server drains; knows the calls that may stay long (streams, waiting calls),
// so that a drain can end them. Owned by the Server. Thread-safe.
#ifndef VADE_SERVER_GATE_H_
#define VADE_SERVER_GATE_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/sampling/run_registry.h"
#include "storage/mutex.h"

namespace vade::server {

// UNAVAILABLE (SERVER_DRAINING).
absl::Status Draining();

// A call that may stay long.
class LongCall {
 public:
  virtual ~LongCall() = default;
  // The server drains: end soon, as UNAVAILABLE (SERVER_DRAINING). May come on
  // any thread, also after the call has ended.
  virtual void OnDrain() = 0;
};

class Gate {
 public:
  // The registry once calls are let in, the same for good. UNAVAILABLE
  // (SERVER_LOADING, SERVER_DRAINING).
  absl::StatusOr<sampling::RunRegistry*> Enter() const;

  // The same for calls that are in already, also during a drain.
  // UNAVAILABLE (SERVER_DRAINING) if calls never were let in.
  absl::StatusOr<sampling::RunRegistry*> Registry() const;

  bool draining() const;

  // Lets calls in; `registry` outlives them. Nothing after Drain.
  void Open(sampling::RunRegistry& registry);
  // Lets no call in any more and tells all long calls.
  void Drain();

  // Calls that may stay long, all together.
  static constexpr size_t kMaxLongCalls = 65536;
  // Keeps `call` in mind until Leave, which may come without Join and more than
  // once. UNAVAILABLE (SERVER_DRAINING), RESOURCE_EXHAUSTED (OVERLOADED).
  absl::Status Join(const std::shared_ptr<LongCall>& call);
  void Leave(const LongCall* call);

 private:
  enum class Phase { kLoading, kServing, kDraining };

  mutable Mutex mu_;
  Phase phase_ ABSL_GUARDED_BY(mu_) = Phase::kLoading;
  sampling::RunRegistry* registry_ ABSL_GUARDED_BY(mu_) = nullptr;
  // weak_ptr: a call owns itself until gRPC is done with it.
  absl::flat_hash_map<const LongCall*, std::weak_ptr<LongCall>> long_calls_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace vade::server

#endif  // VADE_SERVER_GATE_H_
