// The server as a program: start, stop, refusals.
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "client/load/connection.h"
#include "client/load/run_setup.h"
#include "tests/catch.h"
#include "tests/e2e/programs.h"

namespace vade {
namespace {

namespace api = client::api;

TEST_CASE("SIGTERM ends the server with exit code 0 and keeps its runs",
          "[e2e]") {
  const TempFolder folder;
  const auto server = StartServer(folder);
  auto client = load::ConnectTo(server->address()).value();
  REQUIRE(load::MakeRun(*client, {.run_id = "kept"}).ok());
  REQUIRE(load::ImportPromptIds(*client, "kept", {"a", "b"}).ok());
  // An idle client answers the server's goodbye late, and costs seconds.
  client.reset();
  CHECK(server->Terminate() == 0);
  REQUIRE(server->Restart().ok());
  client = load::ConnectTo(server->address()).value();
  api::GetRunRequest request;
  request.set_name("runs/kept");
  const auto run = client->GetRun(request);
  REQUIRE(run.ok());
  CHECK(run->prompt_count() == 2);
  client.reset();
  CHECK(server->Terminate() == 0);
}

TEST_CASE("a client that saw the server die finds it when it is back",
          "[e2e][crash]") {
  const TempFolder folder;
  const auto server = StartServer(folder);
  client::ClientOptions options;
  options.address = server->address();
  // Pauses must not be what gives the connection its time.
  options.retry.max_attempts = 10;
  options.retry.initial_backoff = absl::ZeroDuration();
  options.retry.max_backoff = absl::ZeroDuration();
  const auto client = client::Client::Connect(options).value();
  REQUIRE(client->ListRuns({}).ok());
  server->Kill();
  CHECK(client->ListRuns({}).status().code() == absl::StatusCode::kUnavailable);
  REQUIRE(server->Restart().ok());
  CHECK(client->ListRuns({}).status() == absl::OkStatus());
}

TEST_CASE("a data folder in use is refused by a second server", "[e2e]") {
  const TempFolder folder;
  const auto server = StartServer(folder);
  load::ServerProcessOptions options = ServerOptionsIn(folder);
  options.port_path = folder.File("second.port");
  const auto arguments = load::ServerArguments(options, "127.0.0.1:0");
  const ProgramResult second =
      RunProgram(arguments[0], {arguments.begin() + 1, arguments.end()});
  INFO(second.err);
  CHECK(second.exit_code != 0);
  CHECK(second.exit_code < 128);
  CHECK((second.out + second.err).find(options.data_folder) !=
        std::string::npos);
  CHECK_FALSE(std::filesystem::exists(options.port_path));
  // The first one is none the worse.
  CHECK(server->Terminate() == 0);
}

TEST_CASE("a damaged data folder is refused, not served", "[e2e]") {
  const TempFolder folder;
  {
    const auto server = StartServer(folder);
    REQUIRE(load::MakeRun(*load::ConnectTo(server->address()).value(),
                          {.run_id = "r"})
                .ok());
    CHECK(server->Terminate() == 0);
  }
  // The store names its newest state in CURRENT; without it there is none.
  std::string current;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(folder.File("data"))) {
    if (entry.path().filename() == "CURRENT") current = entry.path().string();
  }
  REQUIRE_FALSE(current.empty());
  std::ofstream(current, std::ios::trunc) << "nonsense\n";
  const auto arguments =
      load::ServerArguments(ServerOptionsIn(folder), "127.0.0.1:0");
  const ProgramResult refused =
      RunProgram(arguments[0], {arguments.begin() + 1, arguments.end()});
  INFO(refused.err);
  CHECK(refused.exit_code != 0);
  CHECK(refused.exit_code < 128);
  CHECK_FALSE((refused.out + refused.err).empty());
}

TEST_CASE("a command line the server does not know is refused", "[e2e]") {
  const TempFolder folder;
  load::ServerProcessOptions options = ServerOptionsIn(folder);
  options.more_flags = {"--no-such-flag"};
  const auto arguments = load::ServerArguments(options, "127.0.0.1:0");
  const ProgramResult refused =
      RunProgram(arguments[0], {arguments.begin() + 1, arguments.end()});
  CHECK(refused.exit_code != 0);
  CHECK(refused.err.find("no-such-flag") != std::string::npos);
}

}  // namespace
}  // namespace vade
