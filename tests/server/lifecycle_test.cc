// The server's life: health, reflection, limits, failure of the store, drain.
#include <future>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/time_util.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "server/gate.h"
#include "server/metrics.h"
#include "server/sampling/error.h"
#include "server/sampling/run_registry.h"
#include "server/sampling/worker_pool.h"
#include "tests/server/held_store.h"
#include "tests/server/service_fixture.h"

namespace vade::server {
namespace {

using Stub = api::Sampler::Stub;
using google::protobuf::util::TimeUtil;
using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

HealthCheckResponse::ServingStatus HealthOf(
    const std::shared_ptr<grpc::Channel>& channel, const std::string& name) {
  grpc::ClientContext context;
  SetTimeout(context);
  HealthCheckRequest request;
  request.set_service(name);
  HealthCheckResponse response;
  const grpc::Status status =
      Health::NewStub(channel)->Check(&context, request, &response);
  CHECK(status.ok());
  return response.status();
}

TEST_CASE("health says NOT_SERVING while runs load, and SERVING then",
          "[unit]") {
  simulation::ManualClock clock;
  HeldStore disk;
  auto server = Server::Start({}, disk, clock);
  REQUIRE(server.ok());
  CHECK_FALSE((*server)->loaded().has_value());
  const auto channel =
      grpc::CreateChannel(absl::StrCat("127.0.0.1:", (*server)->port()),
                          grpc::InsecureChannelCredentials());
  for (const char* name : {"", "vade.sampler.v1.Sampler"}) {
    CHECK(HealthOf(channel, name) == HealthCheckResponse::NOT_SERVING);
  }
  disk.Release();
  REQUIRE((*server)->WaitUntilLoaded().ok());
  for (const char* name : {"", "vade.sampler.v1.Sampler"}) {
    CHECK(HealthOf(channel, name) == HealthCheckResponse::SERVING);
  }
}

TEST_CASE("a server that is stopped while it loads ends cleanly", "[unit]") {
  simulation::ManualClock clock;
  HeldStore disk;
  auto server = Server::Start({}, disk, clock);
  REQUIRE(server.ok());
  std::thread stopper([&server] { (*server)->Shutdown(absl::Seconds(1)); });
  disk.Release();
  stopper.join();
}

TEST_CASE("a drain ends waiting calls and streams, and then all is over",
          "[unit]") {
  ServiceFixture service;
  service.CreateRun("r");
  grpc::ClientContext watch_context;
  SetTimeout(watch_context);
  api::WatchRunRequest watch;
  watch.set_run("runs/r");
  auto watcher = service.stub().WatchRun(&watch_context, watch);
  api::RunStats stats;
  REQUIRE(watcher->Read(&stats));
  grpc::ClientContext import_context;
  SetTimeout(import_context);
  api::ImportPromptsResponse imported;
  auto importer = service.stub().ImportPrompts(&import_context, &imported);
  REQUIRE(importer->Write(ImportRequestOf("r", {"a"})));
  while (service.Stats("r").prompt_count() == 0) {
  }
  service.server().Shutdown(absl::Seconds(20));
  CHECK_FALSE(watcher->Read(&stats));
  CHECK(ReasonOf(watcher->Finish()) == "SERVER_DRAINING");
  const grpc::Status status = importer->Finish();
  CHECK(ReasonOf(status) == "SERVER_DRAINING");
  CHECK(status.error_message().find("1 prompts of earlier") !=
        std::string::npos);
  api::GetRunRequest get;
  get.set_name("runs/r");
  CHECK(service.Call(&Stub::GetRun, get).status.error_code() ==
        grpc::UNAVAILABLE);
}

TEST_CASE("nothing opens the gate again after a drain", "[unit]") {
  simulation::ManualClock clock;
  simulation::MapStore disk;
  sampling::WorkerPool pool(1);
  const auto registry = sampling::RunRegistry::Open(disk, pool, clock);
  REQUIRE(registry.ok());
  Gate gate;
  CHECK(sampling::ErrorReason(gate.Enter().status()) == "SERVER_LOADING");
  gate.Open(**registry);
  CHECK(gate.Enter().ok());
  gate.Drain();
  CHECK(sampling::ErrorReason(gate.Enter().status()) == "SERVER_DRAINING");
  gate.Open(**registry);
  CHECK(sampling::ErrorReason(gate.Enter().status()) == "SERVER_DRAINING");
  CHECK(gate.Registry().ok());
}

TEST_CASE("one long call more than the server holds is refused", "[unit]") {
  class Idle : public LongCall {
    void OnDrain() override {}
  };
  Gate gate;
  std::vector<std::shared_ptr<LongCall>> calls;
  for (size_t i = 0; i < Gate::kMaxLongCalls; ++i) {
    calls.push_back(std::make_shared<Idle>());
    REQUIRE(gate.Join(calls.back()).ok());
  }
  CHECK(sampling::ErrorReason(gate.Join(std::make_shared<Idle>())) ==
        "OVERLOADED");
  gate.Leave(calls.back().get());
  CHECK(gate.Join(std::make_shared<Idle>()).ok());
}

TEST_CASE("what was answered is there after a restart", "[unit]") {
  ServiceFixture service;
  service.CreateRun("r");
  service.Import("r", 3);
  const api::SampleBatchResponse batch = service.Sample("r", 2);
  const std::string prompt = batch.prompts(0).prompt_id();
  REQUIRE(service.Report("r", batch.batch_id(), {GroupOf(prompt, {1, 0})})
              .status.ok());
  api::RunStats before = service.Stats("r");
  service.Restart();
  api::RunStats after = service.Stats("r");
  CHECK(after.SerializeAsString() == before.SerializeAsString());
}

TEST_CASE("after a failed write changes are refused and reads go on",
          "[unit]") {
  ServiceFixture service;
  service.CreateRun("r");
  service.Import("r", 3);
  service.store().FailWrite(1, storage::FailedWrite::kAbsent);
  CHECK(ReasonOf(service.TrySample(SampleRequestOf("r", 1)).status) ==
        "STORAGE_FAILED");
  CHECK(
      ReasonOf(service.ImportMessages({ImportRequestOf("r", {"x"})}).status) ==
      "STORAGE_FAILED");
  CHECK(service.Stats("r").prompt_count() == 3);
  api::GetPromptRequest get;
  get.set_name("runs/r/prompts/p0");
  get.set_include_payload(true);
  CHECK(service.Call(&Stub::GetPrompt, get).response.payload() ==
        "payload of p0");
  service.store().Restart();
  service.Restart();
  CHECK(service.Stats("r").batch_count() == 0);
  service.Sample("r", 1);
}

TEST_CASE("a message above the limit is refused, and nothing is imported",
          "[unit]") {
  ServiceFixture service;
  service.CreateRun("r");
  api::ImportPromptsRequest request;
  request.set_run("runs/r");
  for (int i = 0; i < 21; ++i) {
    request.add_prompts()->set_id(absl::StrCat("p", i));
    request.mutable_prompts(i)->set_payload(std::string(1 << 20, 'x'));
  }
  CHECK(service.ImportMessages({request}).status.error_code() ==
        grpc::RESOURCE_EXHAUSTED);
  CHECK(service.Stats("r").prompt_count() == 0);
}

TEST_CASE("reflection lists the service", "[unit]") {
  ServiceFixture service;
  // ServerReflectionRequest{list_services: "*"}, field 7, written by hand.
  const grpc::Slice bytes("\x3a\x01*");
  const grpc::ByteBuffer request(&bytes, 1);
  grpc::ByteBuffer response;
  grpc::ClientContext context;
  SetTimeout(context);
  std::promise<grpc::Status> done;
  grpc::GenericStub(service.channel())
      .UnaryCall(
          &context,
          "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", {},
          &request, &response,
          [&done](const grpc::Status& status) { done.set_value(status); });
  REQUIRE(done.get_future().get().ok());
  grpc::Slice answer;
  REQUIRE(response.DumpToSingleSlice(&answer).ok());
  const std::string text(reinterpret_cast<const char*>(answer.begin()),
                         answer.size());
  CHECK(text.find("vade.sampler.v1.Sampler") != std::string::npos);
  CHECK(text.find("grpc.health.v1.Health") != std::string::npos);
}

TEST_CASE("an address that is taken is refused and named", "[unit]") {
  ServiceFixture service;
  ServerOptions options;
  options.address = absl::StrCat("127.0.0.1:", service.server().port());
  simulation::MapStore disk;
  const auto second = Server::Start(options, disk, service.clock());
  CHECK(second.status().code() == absl::StatusCode::kUnavailable);
  CHECK(second.status().message().find(options.address) !=
        absl::string_view::npos);
  options.address = "127.0.0.1:0";
  options.metrics_address = absl::StrCat("127.0.0.1:", service.server().port());
  CHECK(Server::Start(options, disk, service.clock()).status().code() ==
        absl::StatusCode::kUnavailable);
}

TEST_CASE("TLS files that are missing are refused", "[unit]") {
  simulation::MapStore disk;
  simulation::ManualClock clock;
  ServerOptions options;
  options.tls.cert_file = "/no/such/file";
  CHECK(Server::Start(options, disk, clock).status().code() ==
        absl::StatusCode::kInvalidArgument);
  options.tls.key_file = "/no/such/file";
  CHECK(Server::Start(options, disk, clock).status().code() ==
        absl::StatusCode::kInvalidArgument);
}

TEST_CASE("calls are counted by method and code", "[unit]") {
  Metrics metrics;
  metrics.CallStarted();
  metrics.CallEnded(Method::kGetRun, grpc::NOT_FOUND, absl::Milliseconds(1));
  metrics.Wrote(10, absl::Milliseconds(1), false);
  int found = 0;
  for (const auto& family : metrics.registry()->Collect()) {
    if (family.name == "vade_calls_total") {
      REQUIRE(family.metric.size() == 1);
      CHECK(family.metric[0].counter.value == 1);
      CHECK(family.metric[0].label.size() == 2);
      ++found;
    }
    if (family.name == "vade_store_failed_writes_total") {
      CHECK(family.metric[0].counter.value == 1);
      ++found;
    }
  }
  CHECK(found == 2);
}

}  // namespace
}  // namespace vade::server
