// Load by asynchronous calls from one process: so many calls in flight at once
// over a few connections, the next one begun where one ends. The same code
// loads vade-server and the bare server that it is compared with.
#ifndef VADE_TESTS_BENCHMARK_CALL_LOAD_H_
#define VADE_TESTS_BENCHMARK_CALL_LOAD_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/time/time.h"
#include "client/cpp/clock.h"
#include "client/cpp/error.h"
#include "grpcpp/client_context.h"
#include "vade/sampler/v1/sampler.grpc.pb.h"

namespace vade::benchmarks {

namespace api = ::vade::sampler::v1;

struct LoadShape {
  uint32_t in_flight = 64;
  // The load ends at either.
  uint64_t max_calls = 0;
  absl::Duration max_duration = absl::Seconds(2);
};

struct LoadFigures {
  double calls = 0;
  double seconds = 0;
  // Of all calls, ascending.
  std::vector<double> milliseconds;

  double CallsPerSecond() const { return calls / seconds; }
};

// Sorts and counts the latencies of a load that took `seconds`.
LoadFigures FiguresOf(std::vector<double> milliseconds, double seconds);

// Connections to one server, each its own, without encryption. Thread-safe.
class Connections {
 public:
  Connections(const std::string& address, int count);

  api::Sampler::Stub& stub(size_t i) { return *stubs_[i % stubs_.size()]; }

 private:
  std::vector<std::unique_ptr<api::Sampler::Stub>> stubs_;
};

// A method, how the n-th request is made, and what becomes of its response.
// Both functions are called from any thread; `received` may be empty.
template <typename Request, typename Response>
struct CallKind {
  void (api::Sampler::StubInterface::async_interface::*method)(
      grpc::ClientContext*, const Request*, Response*,
      std::function<void(grpc::Status)>);
  std::function<void(uint64_t call, Request& request)> fill;
  std::function<void(uint64_t call, Response& response)> received;
};

// One load. Thread-compatible; Run comes once.
template <typename Request, typename Response>
class CallLoad {
 public:
  CallLoad(Connections& connections, CallKind<Request, Response> kind,
           const LoadShape& shape)
      : kind_(std::move(kind)),
        shape_(shape),
        slots_(shape.in_flight),
        running_(static_cast<int>(shape.in_flight)) {
    for (size_t i = 0; i < slots_.size(); ++i) {
      slots_[i].stub = &connections.stub(i);
    }
  }

  // Blocks until all calls have ended. The first error of a call, if any.
  absl::StatusOr<LoadFigures> Run() {
    client::Clock& clock = client::SystemClock();
    const absl::Time start = clock.Now();
    deadline_ = start + shape_.max_duration;
    for (Slot& slot : slots_) StartNext(slot);
    running_.Wait();
    const absl::Duration taken = clock.Now() - start;
    std::vector<double> milliseconds;
    for (const Slot& slot : slots_) {
      if (!slot.error.ok()) return slot.error;
      milliseconds.insert(milliseconds.end(), slot.milliseconds.begin(),
                          slot.milliseconds.end());
    }
    return FiguresOf(std::move(milliseconds), absl::ToDoubleSeconds(taken));
  }

 private:
  // What one call at a time uses, over and over.
  struct Slot {
    api::Sampler::Stub* stub = nullptr;
    std::unique_ptr<grpc::ClientContext> context;
    Request request;
    Response response;
    uint64_t call = 0;
    absl::Time start;
    std::vector<double> milliseconds;
    absl::Status error;
  };

  void StartNext(Slot& slot) {
    slot.call = next_.fetch_add(1);
    if (slot.call >= shape_.max_calls || failed_.load()) {
      running_.DecrementCount();
      return;
    }
    kind_.fill(slot.call, slot.request);
    slot.context = std::make_unique<grpc::ClientContext>();
    slot.start = client::SystemClock().Now();
    if (slot.start >= deadline_) {
      running_.DecrementCount();
      return;
    }
    slot.context->set_deadline(
        absl::ToChronoTime(slot.start + absl::Minutes(1)));
    (slot.stub->async()->*kind_.method)(
        slot.context.get(), &slot.request, &slot.response,
        [this, &slot](const grpc::Status& status) { Finish(slot, status); });
  }

  void Finish(Slot& slot, const grpc::Status& status) {
    const absl::Duration taken = client::SystemClock().Now() - slot.start;
    slot.milliseconds.push_back(absl::ToDoubleMilliseconds(taken));
    if (!status.ok()) {
      slot.error = client::FromGrpc(status);
      failed_.store(true);
    } else if (kind_.received) {
      kind_.received(slot.call, slot.response);
    }
    StartNext(slot);
  }

  const CallKind<Request, Response> kind_;
  const LoadShape shape_;
  std::vector<Slot> slots_;
  absl::BlockingCounter running_;
  absl::Time deadline_;
  // Atomic: calls end on many threads.
  std::atomic<uint64_t> next_ = 0;
  std::atomic<bool> failed_ = false;
};

// Makes a load of it and runs it.
template <typename Request, typename Response>
absl::StatusOr<LoadFigures> RunLoad(Connections& connections,
                                    CallKind<Request, Response> kind,
                                    const LoadShape& shape) {
  return CallLoad<Request, Response>(connections, std::move(kind), shape).Run();
}

}  // namespace vade::benchmarks

#endif  // VADE_TESTS_BENCHMARK_CALL_LOAD_H_
