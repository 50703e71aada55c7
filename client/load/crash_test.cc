#include "client/load/crash_test.h"

#include <atomic>
#include <filesystem>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cpp/clock.h"
#include "client/load/connection.h"
#include "client/load/keyed_random.h"
#include "client/load/run_setup.h"

namespace vade::load {
namespace {

constexpr uint64_t kKillStream = 6;
constexpr absl::Duration kPollInterval = absl::Milliseconds(1);
// How far into a step's reports a kill comes, by the growth of the logs: up to
// about what a whole step writes for each prompt.
constexpr uint64_t kLogBytesPerPrompt = 400;

uint64_t FolderBytes(const std::string& folder) {
  uint64_t bytes = 0;
  std::error_code failed;
  for (const auto& entry :
       std::filesystem::directory_iterator(folder, failed)) {
    const uint64_t size = entry.file_size(failed);
    if (!failed) bytes += size;
  }
  return bytes;
}

absl::Status ImportWithVadectl(const CrashTestOptions& options,
                               client::Client& client,
                               const std::string& address) {
  const auto run =
      FindOrMakeRun(client, {.run_id = options.simulate.run_id,
                             .policy = options.simulate.policy,
                             .seed = options.simulate.seed,
                             .group_size = options.simulate.group_size});
  if (!run.ok()) return run.status();
  const auto vadectl = ChildProcess::Start(
      {.arguments = {options.vadectl_program, "import", "prompts",
                     options.simulate.run_id, options.prompts_path,
                     absl::StrCat("--address=", address)}});
  if (!vadectl.ok()) return vadectl.status();
  const int exit_code = (*vadectl)->Wait();
  if (exit_code == 0) return absl::OkStatus();
  return absl::UnknownError(
      absl::StrCat("vadectl import prompts ended with ", exit_code));
}

// The simulation on a thread of its own; says how far it is. The server stays
// with the thread that started it (process.h).
class Simulation {
 public:
  Simulation(client::Client& client, SimulateOptions options, std::FILE* out)
      : options_(std::move(options)) {
    options_.on_step = [this](const StepRecord& record) {
      done_steps_.store(record.step + 1);
    };
    thread_ = std::thread([this, &client, out] {
      result_ = Simulate(client, options_, out);
      over_.store(true);
    });
  }
  ~Simulation() {
    if (thread_.joinable()) thread_.join();
  }
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  // Returns false if it is over before `steps` are done, or before the logs
  // have grown by `log_bytes` after that.
  bool AwaitMidStep(uint64_t steps, uint64_t log_bytes) {
    while (done_steps_.load() < steps) {
      if (over_.load()) return false;
      client::SystemClock().Sleep(kPollInterval);
    }
    const std::string& folder = options_.crew.log_folder;
    const uint64_t start = FolderBytes(folder);
    while (FolderBytes(folder) < start + log_bytes) {
      if (over_.load()) return false;
      client::SystemClock().Sleep(kPollInterval);
    }
    return true;
  }

  absl::StatusOr<std::vector<SimulationResult>> Result() {
    thread_.join();
    return std::move(result_);
  }

 private:
  SimulateOptions options_;
  // Written by the simulation's thread, polled by the one that kills.
  std::atomic<uint64_t> done_steps_ = 0;
  std::atomic<bool> over_ = false;
  // Read after the join.
  absl::StatusOr<std::vector<SimulationResult>> result_ =
      absl::UnknownError("not run");
  std::thread thread_;
};

absl::Status KillAndRestart(const CrashTestOptions& options,
                            Simulation& simulation, ServerProcess& server,
                            CrashTestResult& result, std::FILE* out) {
  for (uint32_t k = 1; k <= options.kill_count; ++k) {
    const uint64_t steps =
        options.simulate.steps * k / (options.kill_count + 1);
    const uint64_t growth =
        1 + MixKey({kKillStream, options.simulate.seed, k}) %
                (options.simulate.batch_size * kLogBytesPerPrompt);
    if (!simulation.AwaitMidStep(steps, growth)) {
      return absl::FailedPreconditionError(
          absl::StrCat("the simulation ended before kill ", k));
    }
    server.Kill();
    const absl::Time start = client::SystemClock().Now();
    absl::Status restarted = server.Restart();
    if (!restarted.ok()) return restarted;
    result.restart_seconds.push_back(
        absl::ToDoubleSeconds(client::SystemClock().Now() - start));
    absl::FPrintF(out,
                  "kill -9 number %d after step %d; serving again in %.2f s\n",
                  k, steps, result.restart_seconds.back());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CrashTestResult> RunCrashTest(const CrashTestOptions& options,
                                             std::FILE* out) {
  const auto server = ServerProcess::Start(options.server);
  if (!server.ok()) return server.status();
  const std::string address = (*server)->address();
  const auto client = ConnectTo(address);
  if (!client.ok()) return client.status();
  if (!options.prompts_path.empty()) {
    absl::Status imported = ImportWithVadectl(options, **client, address);
    if (!imported.ok()) return imported;
  }
  SimulateOptions simulate = options.simulate;
  simulate.crew.worker.address = address;
  CrashTestResult result;
  Simulation simulation(**client, simulate, out);
  absl::Status killed =
      KillAndRestart(options, simulation, **server, result, out);
  auto simulated = simulation.Result();
  if (!simulated.ok()) return simulated.status();
  if (!killed.ok()) return killed;
  result.simulation = *std::move(simulated);
  auto log = ReadReportLogs(simulate.crew.log_folder, simulate.run_id);
  if (!log.ok()) return log.status();
  const auto counted = ReadCountedRun(**client, simulate.run_id);
  if (!counted.ok()) return counted.status();
  result.log = *std::move(log);
  result.verdict = CompareBooks(result.log, *counted);
  return result;
}

}  // namespace vade::load
