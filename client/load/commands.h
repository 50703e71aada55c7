// The subcommands of vade-load: flags in, exit code out. Each Add function
// declares one on the app; its callback, which CLI11 calls once the command
// line is read, leaves the exit code.
#ifndef VADE_CLIENT_LOAD_COMMANDS_H_
#define VADE_CLIENT_LOAD_COMMANDS_H_

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/client.h"
#include "client/load/connection.h"
#include "client/load/crew.h"
#include "client/load/server_process.h"
#include "client/load/simulate.h"

namespace vade::load {

constexpr int kExitDone = 0;
constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

void AddSimulateCommand(CLI::App& app, int& exit_code);
void AddReplayCommand(CLI::App& app, int& exit_code);
void AddVerifyCommand(CLI::App& app, int& exit_code);
void AddPlainCommand(CLI::App& app, int& exit_code);
void AddBenchCommand(CLI::App& app, int& exit_code);
void AddScaleCommand(CLI::App& app, int& exit_code);
void AddCrashTestCommand(CLI::App& app, int& exit_code);
// For the program itself: a rollout worker, driven over its stdin.
void AddWorkerCommand(CLI::App& app, int& exit_code);

// Flags that several commands share; the variables must outlive the parse.
void AddAddressFlag(CLI::App& app, std::string& address);
void AddRunFlag(CLI::App& app, std::string& run_id);
// --workers, --threads, --rollouts-per-report, --failed-share, --split.
void AddCrewFlags(CLI::App& app, WorkerOptions& worker);
// --policy, --steps, --batch-size, --group-size, --prompts, --seed, --log-dir,
// and the flags of the crew.
void AddTrainingFlags(CLI::App& app, SimulateOptions& options);
// --server, --folder, --server-flag.
void AddServerFlags(CLI::App& app, ServerProcessOptions& server,
                    std::string& folder);
// Fills what AddServerFlags left open; without --folder, a new folder under
// the system's one for temporary files. UNAVAILABLE: it cannot be made.
absl::Status CompleteServerOptions(ServerProcessOptions& server,
                                   std::string& folder);

// Writes the error to stderr, if it is one: the exit code.
int ExitCodeOf(const absl::Status& status);

}  // namespace vade::load

#endif  // VADE_CLIENT_LOAD_COMMANDS_H_
