#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/strings/str_format.h"
#include "client/load/bench.h"
#include "client/load/commands.h"
#include "client/load/measure.h"
#include "client/load/run_setup.h"

namespace vade::load {
namespace {

struct PlainFlags {
  LoadOptions load;
  std::string mode = "mixed";
  double seconds = 10;
  uint64_t prompt_count = 100'000;
};

void PrintFigure(const Figure& figure) {
  absl::PrintF("%s\n", FigureJson(figure));
  std::fflush(stdout);
}

absl::StatusOr<std::vector<Figure>> MeasureMode(const PlainFlags& flags) {
  if (flags.mode == "sample") return MeasureSampling(flags.load);
  if (flags.mode == "batches") return MeasureBatchReports(flags.load);
  if (flags.mode == "singles") return MeasureSingleReports(flags.load);
  return MeasureMixed(flags.load, absl::Seconds(flags.seconds));
}

int RunPlain(const PlainFlags& flags) {
  const auto client = ConnectTo(flags.load.address);
  if (!client.ok()) return ExitCodeOf(client.status());
  const auto run = FindOrMakeRun(
      **client, {.run_id = flags.load.run_id, .policy = "", .group_size = 0});
  if (!run.ok()) return ExitCodeOf(run.status());
  if (run->prompt_count() == 0) {
    absl::Status imported = ImportPromptIds(
        **client, flags.load.run_id, NumberedPromptIds(flags.prompt_count));
    if (!imported.ok()) return ExitCodeOf(imported);
  }
  const auto figures = MeasureMode(flags);
  if (!figures.ok()) return ExitCodeOf(figures.status());
  for (const Figure& figure : *figures) PrintFigure(figure);
  return kExitDone;
}

struct BenchFlags {
  BenchOptions options;
  std::string folder;
};

int RunBenchCommand(BenchFlags& flags) {
  const bool temporary = flags.folder.empty();
  absl::Status status =
      CompleteServerOptions(flags.options.server, flags.folder);
  if (!status.ok()) return ExitCodeOf(status);
  status = RunBench(flags.options, PrintFigure);
  std::error_code ignored;
  if (temporary) std::filesystem::remove_all(flags.folder, ignored);
  return ExitCodeOf(status);
}

struct ScaleFlags {
  ScaleOptions options;
  std::string folder;
};

int RunScaleCommand(ScaleFlags& flags) {
  const bool temporary = flags.folder.empty();
  absl::Status status =
      CompleteServerOptions(flags.options.server, flags.folder);
  if (!status.ok()) return ExitCodeOf(status);
  status = RunScale(flags.options, PrintFigure);
  std::error_code ignored;
  if (temporary) std::filesystem::remove_all(flags.folder, ignored);
  return ExitCodeOf(status);
}

}  // namespace

void AddPlainCommand(CLI::App& app, int& exit_code) {
  const auto flags = std::make_shared<PlainFlags>();
  CLI::App* command =
      app.add_subcommand("plain", "Plain load on a server, JSON lines out");
  command->footer(
      "Modes: sample (SampleBatch, released again), batches (whole batches\n"
      "reported), singles (one rollout a call), mixed (sample and report, for\n"
      "--seconds: a soak).\n\n"
      "Example:\n"
      "  vade-load plain --run load --mode mixed --workers 8 --seconds 60");
  AddAddressFlag(*command, flags->load.address);
  AddRunFlag(*command, flags->load.run_id);
  command->add_option("--mode", flags->mode, "What to load with")
      ->check(CLI::IsMember({"sample", "batches", "singles", "mixed"}))
      ->type_name("MODE")
      ->capture_default_str();
  command
      ->add_option("--workers", flags->load.worker_count,
                   "Threads that call at once")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--batch-size", flags->load.batch_size, "Prompts a batch")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  command
      ->add_option("--batches", flags->load.batch_count,
                   "Batches in all (mixed: until the time is over)")
      ->capture_default_str();
  command->add_option("--seconds", flags->seconds, "Of mode mixed")
      ->check(CLI::Range(0.0, 1e7))
      ->capture_default_str();
  command
      ->add_option("--prompts", flags->prompt_count,
                   "Prompts to make up if the run has none")
      ->capture_default_str();
  command->callback([flags, &exit_code] { exit_code = RunPlain(*flags); });
}

void AddBenchCommand(CLI::App& app, int& exit_code) {
  const auto flags = std::make_shared<BenchFlags>();
  BenchOptions& options = flags->options;
  CLI::App* command = app.add_subcommand(
      "bench", "Measure a server of our own, JSON lines out");
  command->footer("Example:\n  vade-load bench --import 1000000");
  AddServerFlags(*command, options.server, flags->folder);
  command
      ->add_option("--prompts", options.prompt_count,
                   "Prompts of the run sampled and reported to")
      ->capture_default_str();
  command
      ->add_option("--import", options.import_count,
                   "Prompts to import, and to load at a restart")
      ->capture_default_str();
  command->add_option("--batch-size", options.batch_size, "Prompts a batch")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  command->add_option("--sample-calls", options.sample_calls)
      ->capture_default_str();
  command->add_option("--report-batches", options.report_batches)
      ->capture_default_str();
  command->add_option("--single-workers", options.single_workers)
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--single-batches", options.single_batches)
      ->capture_default_str();
  command->callback(
      [flags, &exit_code] { exit_code = RunBenchCommand(*flags); });
}

void AddScaleCommand(CLI::App& app, int& exit_code) {
  const auto flags = std::make_shared<ScaleFlags>();
  ScaleOptions& options = flags->options;
  CLI::App* command = app.add_subcommand(
      "scale", "Measure what many prompts cost a server of our own");
  command->footer(
      "Import, start after a kill, dealing each prompt once, and the memory\n"
      "after each; JSON lines out.\n\n"
      "Example:\n  vade-load scale --prompts 1000000");
  AddServerFlags(*command, options.server, flags->folder);
  command->add_option("--prompts", options.prompt_count, "Prompts to import")
      ->check(CLI::Range(100'000, 200'000'000))
      ->capture_default_str();
  command->add_flag("--deal,!--no-deal", options.deal,
                    "Deal and report each prompt once");
  command->callback(
      [flags, &exit_code] { exit_code = RunScaleCommand(*flags); });
}

}  // namespace vade::load
