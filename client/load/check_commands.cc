#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/strings/str_format.h"
#include "client/load/commands.h"
#include "client/load/crash_test.h"
#include "client/load/process.h"
#include "client/load/verify.h"

namespace vade::load {
namespace {

struct VerifyFlags {
  std::string address;
  std::string run_id;
  std::string log_folder;
};

int PrintVerdict(const Verdict& verdict, const ReportLog& log) {
  absl::PrintF("%s", VerdictText(verdict, log));
  return verdict.difference_count == 0 ? kExitDone : kExitFailed;
}

int RunVerify(const VerifyFlags& flags) {
  const auto log = ReadReportLogs(flags.log_folder, flags.run_id);
  if (!log.ok()) return ExitCodeOf(log.status());
  const auto client = ConnectTo(flags.address);
  if (!client.ok()) return ExitCodeOf(client.status());
  const auto counted = ReadCountedRun(**client, flags.run_id);
  if (!counted.ok()) return ExitCodeOf(counted.status());
  return PrintVerdict(CompareBooks(*log, *counted), *log);
}

struct CrashTestFlags {
  CrashTestOptions options;
  std::string folder;
};

int RunCrashTestCommand(CrashTestFlags& flags) {
  CrashTestOptions& options = flags.options;
  const bool temporary = flags.folder.empty();
  absl::Status completed = CompleteServerOptions(options.server, flags.folder);
  if (!completed.ok()) return ExitCodeOf(completed);
  options.simulate.crew.program = OwnPath();
  options.simulate.crew.worker.learner_seed = options.simulate.seed;
  options.simulate.crew.log_folder = flags.folder + "/logs";
  const auto result = RunCrashTest(options, stdout);
  if (!result.ok()) {
    absl::FPrintF(stderr, "the folder is kept: %s\n", flags.folder);
    return ExitCodeOf(result.status());
  }
  absl::PrintF("\n%s\n", SimulationText(result->simulation));
  const int exit_code = PrintVerdict(result->verdict, result->log);
  std::error_code ignored;
  if (temporary && exit_code == kExitDone) {
    std::filesystem::remove_all(flags.folder, ignored);
  }
  return exit_code;
}

}  // namespace

void AddVerifyCommand(CLI::App& app, int& exit_code) {
  const auto flags = std::make_shared<VerifyFlags>();
  CLI::App* command = app.add_subcommand(
      "verify", "Compare the workers' logs with the server's books");
  command->footer(
      "Every answered rollout must be counted exactly once. Exit status 1 "
      "with\n"
      "the first differences if not.\n\n"
      "Example:\n"
      "  vade-load verify --run demo --log-dir logs");
  AddAddressFlag(*command, flags->address);
  AddRunFlag(*command, flags->run_id);
  command->add_option("--log-dir", flags->log_folder, "Folder of the logs")
      ->type_name("FOLDER")
      ->required();
  command->callback([flags, &exit_code] { exit_code = RunVerify(*flags); });
}

void AddCrashTestCommand(CLI::App& app, int& exit_code) {
  const auto flags = std::make_shared<CrashTestFlags>();
  CrashTestOptions& options = flags->options;
  options.vadectl_program = SiblingPath("vadectl");
  options.simulate.run_id = "crash-test";
  options.simulate.crew.worker.worker_count = 4;
  CLI::App* command = app.add_subcommand(
      "crash-test", "Kill a server of our own under load, then verify");
  command->footer(
      "Example:\n"
      "  vade-load crash-test --kills 3 --prompts-file train.jsonl");
  AddServerFlags(*command, options.server, flags->folder);
  AddTrainingFlags(*command, options.simulate);
  command->add_option("--run", options.simulate.run_id, "Id of the run")
      ->type_name("RUN")
      ->capture_default_str();
  command->add_option("--kills", options.kill_count, "Times to kill -9")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  command
      ->add_option("--prompts-file", options.prompts_path,
                   "Prompts to import with vadectl (default: made up)")
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  command->add_option("--vadectl", options.vadectl_program, "vadectl to run")
      ->type_name("PROGRAM")
      ->capture_default_str();
  command->callback(
      [flags, &exit_code] { exit_code = RunCrashTestCommand(*flags); });
}

}  // namespace vade::load
