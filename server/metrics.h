// Metrics: what the server counts about itself, in Prometheus's form. Counting
// is always on; serving the figures is the Server's choice.
//
// Owned by the Server. Thread-safe.
#ifndef VADE_SERVER_METRICS_H_
#define VADE_SERVER_METRICS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/time/time.h"
#include "grpcpp/support/status.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "server/method.h"

namespace vade::server {

class Metrics {
 public:
  Metrics();

  // A call began, and how it ended.
  void CallStarted() { active_calls_->Increment(); }
  void CallEnded(Method method, grpc::StatusCode code, absl::Duration took);
  // Calls that began and have not ended.
  double active_calls() const { return active_calls_->Value(); }
  // A write to the store.
  void Wrote(uint64_t bytes, absl::Duration took, bool ok);

  // What a scrape collects.
  const std::shared_ptr<prometheus::Registry>& registry() const {
    return registry_;
  }

 private:
  static constexpr int kCodes = 17;
  struct MethodFigures {
    // Made when a code is first answered, so that codes that never come are no
    // series. Atomic: many threads look, and a family makes a label set once.
    std::array<std::atomic<prometheus::Counter*>, kCodes> by_code{};
    prometheus::Histogram* seconds = nullptr;
  };

  // shared_ptr: prometheus::Exposer holds it weakly.
  const std::shared_ptr<prometheus::Registry> registry_;
  prometheus::Family<prometheus::Counter>& calls_;
  prometheus::Gauge* active_calls_;
  prometheus::Counter* writes_;
  prometheus::Counter* failed_writes_;
  prometheus::Counter* written_bytes_;
  prometheus::Histogram* write_seconds_;
  std::array<MethodFigures, kMethodCount> methods_;
};

}  // namespace vade::server

#endif  // VADE_SERVER_METRICS_H_
