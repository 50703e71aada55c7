// TLS with and without client certificates, and what Prometheus would scrape.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "server/run_figures.h"
#include "tests/client/child_process.h"
#include "tests/server/service_fixture.h"
#include "tests/storage/temp_folder.h"

namespace vade::server {
namespace {

std::string ReadFile(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Makes NAME.key and NAME.pem, signed by itself, for localhost. False if the
// machine has no openssl.
bool MakeCertificate(const TempFolder& folder, const std::string& name) {
  const client::ChildResult made = client::RunChild(
      {"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
       "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
       "-keyout", folder / (name + ".key"), "-out", folder / (name + ".pem")});
  return made.exit == 0;
}

grpc::Status ListRuns(const Server& server,
                      const grpc::SslCredentialsOptions& options) {
  auto channel = grpc::CreateChannel(absl::StrCat("localhost:", server.port()),
                                     grpc::SslCredentials(options));
  grpc::ClientContext context;
  SetTimeout(context);
  api::ListRunsResponse response;
  return api::Sampler::NewStub(channel)->ListRuns(&context, {}, &response);
}

TEST_CASE("TLS callers are served, and asked for their certificate if so set",
          "[unit]") {
  const TempFolder folder;
  if (!MakeCertificate(folder, "server") ||
      !MakeCertificate(folder, "client")) {
    WARN("skipped: this machine has no openssl program");
    return;
  }
  ServerOptions options;
  options.address = "localhost:0";
  options.tls.cert_file = folder / "server.pem";
  options.tls.key_file = folder / "server.key";
  grpc::SslCredentialsOptions anonymous;
  anonymous.pem_root_certs = ReadFile(folder / "server.pem");
  grpc::SslCredentialsOptions known = anonymous;
  known.pem_cert_chain = ReadFile(folder / "client.pem");
  known.pem_private_key = ReadFile(folder / "client.key");
  simulation::ManualClock clock;
  simulation::MapStore disk;
  {
    auto server = Server::Start(options, disk, clock);
    REQUIRE(server.ok());
    REQUIRE((*server)->WaitUntilLoaded().ok());
    CHECK(ReasonOf(ListRuns(**server, anonymous)) == "");
  }
  options.tls.client_ca_file = folder / "client.pem";
  auto server = Server::Start(options, disk, clock);
  REQUIRE(server.ok());
  REQUIRE((*server)->WaitUntilLoaded().ok());
  CHECK(ListRuns(**server, anonymous).error_code() == grpc::UNAVAILABLE);
  CHECK(ReasonOf(ListRuns(**server, known)) == "");
}

// A call on a connection of its own that keeps trying to connect for as long as
// a call of a test may take.
grpc::Status ListRunsPatiently(const Server& server,
                               const grpc::SslCredentialsOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
  auto channel =
      grpc::CreateCustomChannel(absl::StrCat("localhost:", server.port()),
                                grpc::SslCredentials(options), arguments);
  grpc::ClientContext context;
  SetTimeout(context);
  context.set_wait_for_ready(true);
  api::ListRunsResponse response;
  return api::Sampler::NewStub(channel)->ListRuns(&context, {}, &response);
}

TEST_CASE("a renewed certificate is taken up without a restart", "[slow]") {
  const TempFolder folder;
  if (!MakeCertificate(folder, "first") || !MakeCertificate(folder, "second")) {
    WARN("skipped: this machine has no openssl program");
    return;
  }
  // As programs that renew certificates do: what the options name is replaced
  // at once, by a rename.
  const auto install = [&folder](const std::string& name) {
    for (const char* kind : {".key", ".pem"}) {
      std::filesystem::copy_file(folder / (name + kind),
                                 folder / (std::string("draft") + kind));
      std::filesystem::rename(folder / (std::string("draft") + kind),
                              folder / (std::string("server") + kind));
    }
  };
  install("first");
  ServerOptions options;
  options.address = "localhost:0";
  options.tls.cert_file = folder / "server.pem";
  options.tls.key_file = folder / "server.key";
  options.tls.refresh_interval = absl::Seconds(1);
  simulation::ManualClock clock;
  simulation::MapStore disk;
  auto server = Server::Start(options, disk, clock);
  REQUIRE(server.ok());
  REQUIRE((*server)->WaitUntilLoaded().ok());
  grpc::SslCredentialsOptions first;
  first.pem_root_certs = ReadFile(folder / "first.pem");
  grpc::SslCredentialsOptions second;
  second.pem_root_certs = ReadFile(folder / "second.pem");
  CHECK(ReasonOf(ListRuns(**server, first)) == "");
  CHECK(ListRuns(**server, second).error_code() == grpc::UNAVAILABLE);
  install("second");
  CHECK(ReasonOf(ListRunsPatiently(**server, second)) == "");
}

// What an HTTP GET of `path` on the loopback answers, its head included; empty
// if there was no answer.
std::string HttpGet(int port, const std::string& path) {
  const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const std::string request =
      absl::StrCat("GET ", path,
                   " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  std::string answer;
  if (connect(connection, reinterpret_cast<const sockaddr*>(&address),
              sizeof(address)) == 0 &&
      send(connection, request.data(), request.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(request.size())) {
    char buffer[4096];
    ssize_t size = 0;
    while ((size = recv(connection, buffer, sizeof(buffer), 0)) > 0) {
      answer.append(buffer, static_cast<size_t>(size));
    }
  }
  close(connection);
  return answer;
}

TEST_CASE("Prometheus finds the main series under /metrics", "[unit]") {
  ServerOptions options;
  options.metrics_address = "127.0.0.1:0";
  ServiceFixture service(options);
  CHECK(ServiceFixture().server().metrics_port() == 0);
  service.CreateRun("r");
  service.Import("r", 4);
  const std::string batch = service.Sample("r", 3).batch_id();
  REQUIRE(service.Report("r", batch, {GroupOf("p0", {1, 0})}).status.ok());
  const std::string text = HttpGet(service.server().metrics_port(), "/metrics");
  INFO(text);
  CHECK(absl::StartsWith(text, "HTTP/1.1 200 "));
  for (const char* line : {
           "# TYPE vade_calls_total counter",
           "vade_calls_total{code=\"OK\",method=\"SampleBatch\"} 1",
           "vade_call_seconds_count{method=\"SampleBatch\"} 1",
           "vade_active_calls 0",
           "vade_store_failed_writes_total 0",
           "vade_store_written_bytes_total ",
           "vade_store_write_seconds_count ",
           "vade_run_prompts{run=\"r\"} 4",
           "vade_run_in_flight_prompts{run=\"r\"} ",
           "vade_run_deals_total{run=\"r\"} 3",
           "vade_run_rollouts_total{run=\"r\"} 2",
           "vade_run_waiting_calls{run=\"r\"} 0",
           "vade_run_effective_gradient_ratio{run=\"r\"} ",
       }) {
    INFO(line);
    CHECK(text.find(absl::StrCat("\n", line)) != std::string::npos);
  }
}

TEST_CASE("every run's figures are collected", "[unit]") {
  ServiceFixture service;
  service.CreateRun("a");
  service.CreateRun("b");
  service.Import("b", 4);
  service.Sample("b", 3);
  const auto figures = ReadRunFigures(service.server().registry()->List("", 10),
                                      absl::InfiniteDuration());
  REQUIRE(figures.size() == 2);
  for (const RunFigures& run : figures) {
    const bool is_b = run.run_id == "b";
    CHECK(run.prompts == (is_b ? 4 : 0));
    CHECK(run.in_flight == (is_b ? 3 : 0));
    CHECK(run.deals == (is_b ? 3 : 0));
    CHECK(run.clock == (is_b ? 1 : 0));
    CHECK(run.expected_egr == (is_b ? Approx(7.0 / 9) : Approx(0)));
  }
}

TEST_CASE("a call that waits is answered before its deadline", "[unit]") {
  ServiceFixture service;
  service.CreateRun("r");
  service.Import("r", 1);
  service.Sample("r", 1);
  api::SampleBatchRequest request = SampleRequestOf("r", 1);
  request.mutable_max_wait()->set_seconds(3600);
  grpc::ClientContext context;
  // Far longer than the answer takes: the clock stands still until the call
  // waits, and is then moved past what the deadline allowed.
  SetTimeout(context, absl::Seconds(30));
  api::SampleBatchResponse response;
  grpc::Status status;
  std::thread waiter([&] {
    status = service.stub().SampleBatch(&context, request, &response);
  });
  service.WaitForWaitingCalls("r", 1);
  service.clock().Advance(absl::Seconds(30));
  waiter.join();
  CHECK(ReasonOf(status) == "NOT_ENOUGH_ELIGIBLE");
}

}  // namespace
}  // namespace vade::server
