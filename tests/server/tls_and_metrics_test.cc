// TLS with and without client certificates, and what Prometheus would scrape.
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

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
