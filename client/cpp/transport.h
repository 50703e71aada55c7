// Transport: the connection under a Client, its stubs, and the one way in
// which all calls get their deadline and their repeats. Part of the client's
// implementation; programs use client.h.
#ifndef VADE_CLIENT_CPP_TRANSPORT_H_
#define VADE_CLIENT_CPP_TRANSPORT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cpp/error.h"
#include "client/cpp/options.h"
#include "client/cpp/retry.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "vade/sampler/v1/sampler.grpc.pb.h"

namespace vade::client {

// Thread-safe.
class Transport {
 public:
  // Checks the options and builds the channel; Client::Connect has the errors.
  static absl::StatusOr<std::unique_ptr<Transport>> Open(ClientOptions options);

  sampler::v1::Sampler::Stub& sampler() { return *sampler_; }
  grpc::health::v1::Health::Stub& health() { return *health_; }
  const ClientOptions& options() const { return options_; }
  Clock& clock() { return clock_; }

  // When a call that starts now with these options must be over; the default
  // timeout is longer by `extra`.
  absl::Time DeadlineOf(const CallOptions& call, absl::Duration extra = {});

  // `deadline`, which is of clock(), for this context. Infinite: none.
  void SetDeadline(grpc::ClientContext& context, absl::Time deadline);

  // Makes `attempt`, each time with a fresh context, as the rule of `method`
  // says.
  CallResult Repeat(
      absl::string_view method, absl::Time deadline,
      absl::FunctionRef<grpc::Status(grpc::ClientContext&)> attempt);

  // Never the same twice, in this process or in another.
  std::string NewRequestId();

  // The seed of the next call's jitter.
  uint64_t NextJitterSeed();

 private:
  Transport(ClientOptions options,
            const std::shared_ptr<grpc::Channel>& channel);

  // Waits a moment if there is no connection. The library connects only while
  // some thread waits in it, and every 5 s otherwise; between attempts that
  // fail at once nobody would.
  void DriveConnecting();

  const ClientOptions options_;
  Clock& clock_;
  // Shared with the stubs, as the library wants it.
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<sampler::v1::Sampler::Stub> sampler_;
  const std::unique_ptr<grpc::health::v1::Health::Stub> health_;
  const std::string request_id_prefix_;
  const uint64_t jitter_seed_;
  // Atomic: any thread makes ids and seeds, and only their being different
  // matters.
  std::atomic<uint64_t> next_request_{1};
  std::atomic<uint64_t> next_jitter_{0};
};

}  // namespace vade::client

#endif  // VADE_CLIENT_CPP_TRANSPORT_H_
