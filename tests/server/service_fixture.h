// ServiceFixture: a whole server in this process, on a free loopback port, over
// a store in memory that can fail and a clock that stands still; and short ways
// to call it. Thread-compatible; the stub is thread-safe.
#ifndef VADE_TESTS_SERVER_SERVICE_FIXTURE_H_
#define VADE_TESTS_SERVER_SERVICE_FIXTURE_H_

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "server/server.h"
#include "tests/catch.h"
#include "tests/simulation/manual_clock.h"
#include "tests/simulation/map_store.h"
#include "tests/storage/faulty_store.h"
#include "vade/sampler/v1/sampler.grpc.pb.h"

namespace vade::server {

namespace api = sampler::v1;

// No call of a test takes as long.
inline constexpr absl::Duration kCallTimeout = absl::Seconds(30);

void SetTimeout(grpc::ClientContext& context,
                absl::Duration timeout = kCallTimeout);

// The reason in the ErrorInfo of `status`; the code in words if there is none;
// empty if OK. Fails the test if the ErrorInfo is not as documented.
std::string ReasonOf(const grpc::Status& status);
// The value of a metadata key of its ErrorInfo; "(none)" if it is not there.
std::string MetadataOf(const grpc::Status& status, const std::string& key);

template <typename Response>
struct Outcome {
  grpc::Status status;
  Response response;
};

class ServiceFixture {
 public:
  // Has loaded its runs unless `wait` is false.
  explicit ServiceFixture(ServerOptions options = {}, bool wait = true);

  Server& server() { return *server_; }
  api::Sampler::Stub& stub() { return *stub_; }
  const std::shared_ptr<grpc::Channel>& channel() { return channel_; }
  simulation::ManualClock& clock() { return clock_; }
  simulation::MapStore& disk() { return disk_; }
  storage::FaultyStore& store() { return store_; }

  // Ends the server and starts another on the same store.
  void Restart();

  // One unary call, as in Call(&api::Sampler::Stub::GetRun, request).
  template <typename Request, typename Response>
  Outcome<Response> Call(grpc::Status (api::Sampler::Stub::*method)(
                             grpc::ClientContext*, const Request&, Response*),
                         const Request& request) {
    grpc::ClientContext context;
    SetTimeout(context);
    Outcome<Response> outcome;
    outcome.status = (*stub_.*method)(&context, request, &outcome.response);
    return outcome;
  }

  // These must succeed.
  api::Run CreateRun(const std::string& run_id);
  // Prompts "p0" to "p<count - 1>".
  api::ImportPromptsResponse Import(const std::string& run_id, int count);
  api::SampleBatchResponse Sample(const std::string& run_id, uint32_t size,
                                  const std::string& request_id = "");
  api::RunStats Stats(const std::string& run_id);

  // Sends `messages` and returns what came of it.
  Outcome<api::ImportPromptsResponse> ImportMessages(
      const std::vector<api::ImportPromptsRequest>& messages);
  Outcome<api::SampleBatchResponse> TrySample(
      const api::SampleBatchRequest& request);
  Outcome<api::ReportRewardsResponse> Report(
      const std::string& run_id, const std::string& batch_id,
      const std::vector<api::GroupReport>& groups);

  // Waits until so many calls of the run wait for prompts.
  void WaitForWaitingCalls(const std::string& run_id, uint64_t count);

 private:
  void Start(bool wait);

  const ServerOptions options_;
  simulation::ManualClock clock_;
  simulation::MapStore disk_;
  storage::FaultyStore store_{disk_};
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<api::Sampler::Stub> stub_;
};

std::string RunNameOf(const std::string& run_id);
api::SampleBatchRequest SampleRequestOf(const std::string& run_id,
                                        uint32_t size);
api::ImportPromptsRequest ImportRequestOf(const std::string& run_id,
                                          const std::vector<std::string>& ids);
// `rewards` as rollouts 0, 1, ...
api::GroupReport GroupOf(const std::string& prompt_id,
                         const std::vector<double>& rewards);

}  // namespace vade::server

#endif  // VADE_TESTS_SERVER_SERVICE_FIXTURE_H_
