// vade-server: the sampler as a program.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "grpc/support/log.h"
#include "server/command_line.h"
#include "server/log.h"
#include "server/sampling/clock.h"
#include "server/server.h"
#include "server/store_check.h"
#include "storage/rocksdb_store.h"

namespace vade::server {
namespace {

constexpr int kFailed = 1;

int Fail(const absl::Status& status) {
  std::cerr << "vade-server: " << status.message() << std::endl;
  return kFailed;
}

// gRPC's own lines go to our log, where they can be filtered.
void LogGrpc(gpr_log_func_args* args) {
  Log(LogLevel::kDebug, "grpc", {{"text", args->message}});
}

// SIGTERM and SIGINT, for sigtimedwait; blocked in every thread made after.
sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

// Appears whole or not at all.
absl::Status WritePortFile(const std::string& path, int port) {
  if (path.empty()) return absl::OkStatus();
  const std::string draft = absl::StrCat(path, ".", getpid());
  {
    std::ofstream out(draft);
    out << port << "\n";
    out.close();
    if (out && std::rename(draft.c_str(), path.c_str()) == 0) {
      return absl::OkStatus();
    }
  }
  std::remove(draft.c_str());
  return absl::UnavailableError(
      absl::StrCat("cannot write the port file '", path, "'"));
}

bool IsLoopback(const std::string& address) {
  return absl::StartsWith(address, "127.") ||
         absl::StartsWith(address, "localhost:") ||
         absl::StartsWith(address, "[::1]:") ||
         absl::StartsWith(address, "unix:");
}

void LogStart(const CommandLine& options, const Server& server) {
  static constexpr const char* kSyncNames[] = {"always", "interval", "never"};
  Log(LogLevel::kInfo, "listening",
      {{"version", VADE_VERSION},
       {"address", options.server.address},
       {"port", absl::StrCat(server.port())},
       {"data", options.store.path},
       {"sync", kSyncNames[static_cast<int>(options.store.sync)]},
       {"tls", options.server.tls.cert_file.empty() ? "off" : "on"}});
  if (!IsLoopback(options.server.address) &&
      options.server.tls.cert_file.empty()) {
    Log(LogLevel::kWarning,
        "anyone who reaches the address can use the server: no TLS",
        {{"address", options.server.address}});
  }
}

// Until a signal comes; the error if loading fails.
absl::Status Serve(const Server& server, const sigset_t& signals) {
  constexpr timespec kPause = {0, 100'000'000};
  bool logged = false;
  while (true) {
    const int signal = sigtimedwait(&signals, nullptr, &kPause);
    if (signal > 0) {
      Log(LogLevel::kInfo, "draining",
          {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
      return absl::OkStatus();
    }
    const auto loaded = server.loaded();
    if (logged || !loaded.has_value()) continue;
    if (!loaded->ok()) return loaded->status();
    logged = true;
    Log(LogLevel::kInfo, "serving",
        {{"runs", absl::StrCat((*loaded)->runs)},
         {"prompts", absl::StrCat((*loaded)->prompts)},
         {"load_seconds",
          absl::StrCat(absl::ToDoubleSeconds((*loaded)->took))}});
  }
}

int Main(int argc, char** argv) {
  CommandLine options;
  const std::optional<int> exit_code = ParseCommandLine(
      std::vector<std::string>(argv + 1, argv + argc),
      [](const std::string& name) -> std::optional<std::string> {
        const char* const value = std::getenv(name.c_str());
        if (value == nullptr) return std::nullopt;
        return value;
      },
      options);
  if (exit_code.has_value()) return *exit_code;
  absl::Status status = StartLog(options.log);
  if (!status.ok()) return Fail(status);
  gpr_set_log_function(LogGrpc);
  // Debian builds Abseil with a search for deadlocks at each lock of gRPC's,
  // for programs under development.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const sigset_t signals = BlockStopSignals();

  absl::StatusOr<std::unique_ptr<storage::Store>> store =
      storage::OpenRocksDbStore(options.store);
  if (!store.ok()) return Fail(store.status());
  const sampling::SystemClock clock;
  if (options.check) {
    status = CheckStore(**store, clock, std::cout);
    return status.ok() ? 0 : Fail(status);
  }
  absl::StatusOr<std::unique_ptr<Server>> server =
      Server::Start(options.server, **store, clock);
  if (!server.ok()) return Fail(server.status());
  LogStart(options, **server);
  status = WritePortFile(options.port_file, (*server)->port());
  if (status.ok()) status = Serve(**server, signals);
  (*server)->Shutdown(options.grace);
  server->reset();
  store->reset();
  if (!status.ok()) return Fail(status);
  Log(LogLevel::kInfo, "stopped");
  FlushLog();
  return 0;
}

}  // namespace
}  // namespace vade::server

int main(int argc, char** argv) { return vade::server::Main(argc, argv); }
