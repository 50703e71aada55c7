#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <map>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "client/load/commands.h"
#include "client/load/process.h"

namespace vade::load {

void AddAddressFlag(CLI::App& app, std::string& address) {
  address = client::kDefaultAddress;
  app.add_option("--address", address, "Server, as host:port or unix:/path")
      ->type_name("ADDRESS")
      ->envname("VADE_LOAD_ADDRESS")
      ->capture_default_str();
}

void AddRunFlag(CLI::App& app, std::string& run_id) {
  app.add_option("--run", run_id, "Id of the run")
      ->type_name("RUN")
      ->required();
}

void AddCrewFlags(CLI::App& app, WorkerOptions& worker) {
  app.add_option("--workers", worker.worker_count, "Rollout-worker processes")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--threads", worker.thread_count,
                 "Calls that each worker has in flight at once")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--rollouts-per-report", worker.rollouts_per_report,
                 "Rollouts that share one call, picked from the worker's part "
                 "of the batch in shuffled order")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  app.add_option("--failed-share", worker.failed_share,
                 "Share of rollouts that break off and are reported as failed")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--split", worker.split,
                 "Deal whole groups or single rollouts to the workers")
      ->transform(CLI::CheckedTransformer(std::map<std::string, Split>{
          {"groups", Split::kGroups}, {"rollouts", Split::kRollouts}}))
      ->type_name("groups|rollouts");
}

void AddServerFlags(CLI::App& app, ServerProcessOptions& server,
                    std::string& folder) {
  server.program = SiblingPath("vade-server");
  app.add_option("--server", server.program, "vade-server to start")
      ->type_name("PROGRAM")
      ->capture_default_str();
  app.add_option("--folder", folder,
                 "Folder for data and logs (default: a new temporary one, "
                 "removed at the end)")
      ->type_name("FOLDER");
  app.add_option("--server-flag", server.more_flags,
                 "Further flag of vade-server; repeatable")
      ->type_name("FLAG");
}

absl::Status CompleteServerOptions(ServerProcessOptions& server,
                                   std::string& folder) {
  std::error_code failed;
  if (folder.empty()) {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "vade-load-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
      return absl::UnavailableError(absl::StrCat(
          "cannot make a temporary folder: ", std::strerror(errno)));
    }
    folder = pattern;
  } else {
    std::filesystem::create_directories(folder, failed);
  }
  if (failed) {
    return absl::UnavailableError(
        absl::StrCat("cannot make folder ", folder, ": ", failed.message()));
  }
  server.data_folder = folder + "/data";
  server.log_path = folder + "/server.log";
  server.port_path = folder + "/server.port";
  return absl::OkStatus();
}

int ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return kExitDone;
  std::cerr << "vade-load: " << status << "\n";
  return kExitFailed;
}

}  // namespace vade::load
