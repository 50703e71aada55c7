// WatchCall: one WatchRun. Sends the statistics at once and then at each
// interval in which the run changed; while the caller has not taken a message,
// none is made. Owns itself. Thread-safe.
#ifndef VADE_SERVER_WATCH_CALL_H_
#define VADE_SERVER_WATCH_CALL_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/support/server_callback.h"
#include "server/sampling/run_queue.h"
#include "server/stream_call.h"
#include "server/watch_timer.h"
#include "vade/sampler/v1/stats.pb.h"

namespace vade::server {

class WatchCall final
    : public StreamCall<grpc::ServerWriteReactor<sampler::v1::RunStats>>,
      public Watcher {
 public:
  static grpc::ServerWriteReactor<sampler::v1::RunStats>* Start(
      const CallContext& context, const sampler::v1::WatchRunRequest& request);

  // Use Start.
  explicit WatchCall(const CallContext& context)
      : StreamCall(context, Method::kWatchRun) {}

  void OnTick(absl::Time now) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDrain() override;

 private:
  void Stop(const absl::Status& status);
  bool RunIsThere() const;
  void Send(absl::StatusOr<sampling::RunStatsInfo> stats);

  // Set before the first tick.
  std::weak_ptr<WatchCall> weak_self_;
  std::shared_ptr<sampling::RunQueue> run_;
  absl::Duration interval_;

  sampler::v1::RunStats message_ ABSL_GUARDED_BY(mu_);
  // A message is being made or taken.
  bool busy_ ABSL_GUARDED_BY(mu_) = false;
  bool sent_ ABSL_GUARDED_BY(mu_) = false;
  absl::Time due_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  // Commits of the run that the newest message shows at least.
  uint64_t shown_commits_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace vade::server

#endif  // VADE_SERVER_WATCH_CALL_H_
