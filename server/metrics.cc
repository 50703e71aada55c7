#include "server/metrics.h"

#include <string>

namespace vade::server {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;

prometheus::Histogram::BucketBoundaries Buckets() {
  return {1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2,
          5e-2, 0.1,    0.25, 0.5,  1,      2.5,  10,   60};
}

const char* CodeName(int code) {
  static constexpr const char* kNames[] = {
      "OK",
      "CANCELLED",
      "UNKNOWN",
      "INVALID_ARGUMENT",
      "DEADLINE_EXCEEDED",
      "NOT_FOUND",
      "ALREADY_EXISTS",
      "PERMISSION_DENIED",
      "RESOURCE_EXHAUSTED",
      "FAILED_PRECONDITION",
      "ABORTED",
      "OUT_OF_RANGE",
      "UNIMPLEMENTED",
      "INTERNAL",
      "UNAVAILABLE",
      "DATA_LOSS",
      "UNAUTHENTICATED",
  };
  return kNames[code];
}

}  // namespace

Metrics::Metrics()
    : registry_(std::make_shared<prometheus::Registry>()),
      calls_(BuildCounter()
                 .Name("vade_calls_total")
                 .Help("Calls answered, by method and code.")
                 .Register(*registry_)),
      active_calls_(&BuildGauge()
                         .Name("vade_active_calls")
                         .Help("Calls that are not answered yet.")
                         .Register(*registry_)
                         .Add({})),
      writes_(&BuildCounter()
                   .Name("vade_store_writes_total")
                   .Help("Writes to the store.")
                   .Register(*registry_)
                   .Add({})),
      failed_writes_(&BuildCounter()
                          .Name("vade_store_failed_writes_total")
                          .Help("Writes that failed.")
                          .Register(*registry_)
                          .Add({})),
      written_bytes_(&BuildCounter()
                          .Name("vade_store_written_bytes_total")
                          .Help("Bytes of keys and values written.")
                          .Register(*registry_)
                          .Add({})),
      write_seconds_(&BuildHistogram()
                          .Name("vade_store_write_seconds")
                          .Help("Time of a write, sync included.")
                          .Register(*registry_)
                          .Add({}, Buckets())) {
  auto& seconds = BuildHistogram()
                      .Name("vade_call_seconds")
                      .Help("Time from the start of a call to its answer.")
                      .Register(*registry_);
  for (size_t i = 0; i < kMethodCount; ++i) {
    methods_[i].seconds =
        &seconds.Add({{"method", kMethodNames[i]}}, Buckets());
  }
}

void Metrics::CallEnded(Method method, grpc::StatusCode code,
                        absl::Duration took) {
  active_calls_->Decrement();
  const auto index = static_cast<size_t>(method);
  MethodFigures& figures = methods_[index];
  const int known = code >= 0 && code < kCodes ? code : grpc::UNKNOWN;
  std::atomic<prometheus::Counter*>& slot = figures.by_code[known];
  prometheus::Counter* counter = slot.load(std::memory_order_acquire);
  if (counter == nullptr) {
    counter = &calls_.Add(
        {{"method", kMethodNames[index]}, {"code", CodeName(known)}});
    slot.store(counter, std::memory_order_release);
  }
  counter->Increment();
  figures.seconds->Observe(absl::ToDoubleSeconds(took));
}

void Metrics::Wrote(uint64_t bytes, absl::Duration took, bool ok) {
  writes_->Increment();
  if (!ok) failed_writes_->Increment();
  written_bytes_->Increment(static_cast<double>(bytes));
  write_seconds_->Observe(absl::ToDoubleSeconds(took));
}

}  // namespace vade::server
