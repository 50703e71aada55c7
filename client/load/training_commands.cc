#include <cstdio>
#include <memory>

#include "absl/strings/str_format.h"
#include "client/load/commands.h"
#include "client/load/process.h"
#include "client/load/replay.h"
#include "client/load/simulate.h"

namespace vade::load {
namespace {

int RunSimulate(SimulateOptions& options) {
  options.crew.program = OwnPath();
  options.crew.worker.learner_seed = options.seed;
  const auto client = ConnectTo(options.crew.worker.address);
  if (!client.ok()) return ExitCodeOf(client.status());
  const auto results = Simulate(**client, options, stdout);
  if (!results.ok()) return ExitCodeOf(results.status());
  absl::PrintF("\n%s", SimulationText(*results));
  return kExitDone;
}

struct ReplayFlags {
  ReplayOptions options;
  std::string json_path;
};

int RunReplay(ReplayFlags& flags) {
  flags.options.crew.program = OwnPath();
  const auto client = ConnectTo(flags.options.crew.worker.address);
  if (!client.ok()) return ExitCodeOf(client.status());
  std::FILE* json = nullptr;
  if (!flags.json_path.empty()) {
    json = std::fopen(flags.json_path.c_str(), "we");
    if (json == nullptr) {
      return ExitCodeOf(
          absl::UnavailableError("cannot open " + flags.json_path));
    }
  }
  const auto results = Replay(**client, flags.options, stdout, json);
  if (json != nullptr) std::fclose(json);
  if (!results.ok()) return ExitCodeOf(results.status());
  absl::PrintF("\n%s", ReplayText(*results));
  return kExitDone;
}

}  // namespace

void AddTrainingFlags(CLI::App& app, SimulateOptions& options) {
  app.add_option("--policy", options.policy,
                 "Policy of the run (default: the run's own, vade if new)")
      ->type_name("POLICY");
  app.add_option("--steps", options.steps, "Steps of the trainer")
      ->capture_default_str();
  app.add_option("--batch-size", options.batch_size, "Prompts of a step")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  app.add_option("--group-size", options.group_size,
                 "Rollouts of a group (default: the run's own, 8 if new)")
      ->check(CLI::Range(1, 1024));
  app.add_option("--prompts", options.prompt_count,
                 "Prompts to make up if the run has none")
      ->capture_default_str();
  app.add_option("--seed", options.seed,
                 "Fixes difficulties, outcomes and the seed of a new run")
      ->capture_default_str();
  app.add_option("--log-dir", options.crew.log_folder,
                 "Folder for the workers' logs, for `vade-load verify`")
      ->type_name("FOLDER");
  AddCrewFlags(app, options.crew.worker);
}

void AddSimulateCommand(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<SimulateOptions>();
  options->crew.worker.worker_count = 4;
  CLI::App* command = app.add_subcommand(
      "simulate", "Train a simulated learner with several worker processes");
  command->footer(
      "Rollouts are SIMULATED: a latent skill against latent difficulties.\n\n"
      "Example:\n"
      "  vade-load simulate --run demo --steps 200 --compare uniform");
  AddAddressFlag(*command, options->crew.worker.address);
  AddRunFlag(*command, options->run_id);
  AddTrainingFlags(*command, *options);
  command
      ->add_option("--compare", options->compare_policy,
                   "Train a second run of this policy, same seed and prompts")
      ->type_name("POLICY");
  command->callback(
      [options, &exit_code] { exit_code = RunSimulate(*options); });
}

void AddReplayCommand(CLI::App& app, int& exit_code) {
  const auto flags = std::make_shared<ReplayFlags>();
  ReplayOptions& options = flags->options;
  options.policies = {"vade",        "vade-variance", "greedy",
                      "last-update", "uniform",       "mopps"};
  options.crew.worker.worker_count = 4;
  options.crew.worker.split = Split::kRollouts;
  CLI::App* command = app.add_subcommand(
      "replay", "Replay a trace of a real run under several policies");
  command->footer(
      "Example:\n"
      "  vade-load replay --trace oneshot_rlvr_long.csv --seeds 5");
  AddAddressFlag(*command, options.crew.worker.address);
  command
      ->add_option("--trace", options.crew.worker.trace_path,
                   "CSV: prompt_id,visit,n_rollouts,n_correct")
      ->type_name("FILE")
      ->check(CLI::ExistingFile)
      ->required();
  command->add_option("--policies", options.policies, "Separated by commas")
      ->delimiter(',')
      ->type_name("POLICIES")
      ->capture_default_str();
  command->add_option("--seeds", options.seed_count, "Seeds 1 to this")
      ->capture_default_str();
  command->add_option("--steps", options.steps, "Steps; the trace has 396")
      ->check(CLI::Range(uint64_t{1}, uint64_t{kTraceSteps}))
      ->capture_default_str();
  command
      ->add_option("--run-prefix", options.run_prefix,
                   "Runs are called {prefix}-{policy}-{seed}")
      ->capture_default_str();
  command->add_flag("--keep-runs", options.keep_runs,
                    "Do not delete a run once it is measured");
  command
      ->add_option("--log-dir", options.crew.log_folder,
                   "Folder for the workers' logs (large)")
      ->type_name("FOLDER");
  command
      ->add_option("--json", flags->json_path, "Write each result as JSON line")
      ->type_name("FILE");
  AddCrewFlags(*command, options.crew.worker);
  command->callback([flags, &exit_code] { exit_code = RunReplay(*flags); });
}

void AddWorkerCommand(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<WorkerOptions>();
  CLI::App* command =
      app.add_subcommand("worker", "One rollout worker, for the trainer")
          ->group("");
  AddAddressFlag(*command, options->address);
  AddCrewFlags(*command, *options);
  command->add_option("--index", options->index);
  command->add_option("--seed", options->learner_seed);
  command->add_option("--trace", options->trace_path);
  command->add_option("--log", options->log_path);
  command->add_option_function<double>(
      "--call-timeout-s", [options](const double& seconds) {
        options->call_timeout = absl::Seconds(seconds);
      });
  command->callback([options, &exit_code] { exit_code = RunWorker(*options); });
}

}  // namespace vade::load
