#include "client/load/bench.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cpp/client.h"
#include "client/cpp/clock.h"
#include "client/load/connection.h"
#include "client/load/run_setup.h"

namespace vade::load {
namespace {

// 100 million prompts, on a machine that has other work, load in minutes.
constexpr absl::Duration kLongStart = absl::Minutes(15);

constexpr double kBytesPerMebibyte = 1024 * 1024;

using OnFigure = std::function<void(const Figure&)>;
using Measurement =
    absl::StatusOr<std::vector<Figure>> (*)(const LoadOptions& options);

absl::Status Measure(Measurement measurement, const LoadOptions& load,
                     uint64_t prompt_count, const OnFigure& on_figure) {
  const absl::StatusOr<std::vector<Figure>> figures = measurement(load);
  if (!figures.ok()) return figures.status();
  for (Figure figure : *figures) {
    figure.context.emplace_back("prompts", static_cast<double>(prompt_count));
    on_figure(figure);
  }
  return absl::OkStatus();
}

// Makes a run with numbered prompts; returns the seconds of the import.
absl::StatusOr<double> Import(client::Client& client,
                              const RunSettings& settings,
                              uint64_t prompt_count) {
  const auto run = MakeRun(client, settings);
  if (!run.ok()) return run.status();
  const std::vector<std::string> prompt_ids = NumberedPromptIds(prompt_count);
  const absl::Time start = client::SystemClock().Now();
  absl::Status imported = ImportPromptIds(client, settings.run_id, prompt_ids);
  if (!imported.ok()) return imported;
  return absl::ToDoubleSeconds(client::SystemClock().Now() - start);
}

absl::Status ReportMemory(const ServerProcess& server, const std::string& name,
                          uint64_t prompt_count, const OnFigure& on_figure) {
  const absl::StatusOr<uint64_t> bytes = server.ResidentBytes();
  if (!bytes.ok()) return bytes.status();
  on_figure({name,
             static_cast<double>(*bytes) / kBytesPerMebibyte,
             "MiB",
             {{"prompts", static_cast<double>(prompt_count)}}});
  return absl::OkStatus();
}

absl::Status KillAndRestart(ServerProcess& server, uint64_t prompt_count,
                            const OnFigure& on_figure) {
  server.Kill();
  const absl::Time start = client::SystemClock().Now();
  absl::Status status = server.Restart();
  if (!status.ok()) return status;
  const absl::Duration taken = client::SystemClock().Now() - start;
  on_figure({"restart_after_kill",
             absl::ToDoubleSeconds(taken),
             "s",
             {{"prompts", static_cast<double>(prompt_count)}}});
  return absl::OkStatus();
}

absl::Status MeasureCalls(const BenchOptions& options,
                          const std::string& address,
                          const OnFigure& on_figure) {
  LoadOptions load = {.address = address,
                      .run_id = "bench",
                      .worker_count = 1,
                      .batch_size = options.batch_size,
                      .batch_count = options.sample_calls};
  absl::Status status =
      Measure(MeasureSampling, load, options.prompt_count, on_figure);
  if (!status.ok()) return status;
  load.worker_count = 4;
  load.batch_count = options.report_batches;
  status = Measure(MeasureBatchReports, load, options.prompt_count, on_figure);
  if (!status.ok()) return status;
  load.worker_count = options.single_workers;
  load.batch_count = options.single_batches;
  return Measure(MeasureSingleReports, load, options.prompt_count, on_figure);
}

// Import of many prompts, then a start of the server that loads them.
absl::Status MeasureImportAndLoad(const BenchOptions& options,
                                  client::Client& client, ServerProcess& server,
                                  const OnFigure& on_figure) {
  const auto seconds =
      Import(client, {.run_id = "import"}, options.import_count);
  if (!seconds.ok()) return seconds.status();
  const double count = static_cast<double>(options.import_count);
  on_figure({"import", *seconds, "s", {{"prompts", count}}});
  on_figure({"import_rate", count / *seconds, "prompts/s", {}});
  const uint64_t all = options.import_count + options.prompt_count;
  absl::Status status =
      ReportMemory(server, "memory_after_import", all, on_figure);
  if (!status.ok()) return status;
  status = KillAndRestart(server, all, on_figure);
  if (!status.ok()) return status;
  return ReportMemory(server, "memory_after_restart", all, on_figure);
}

}  // namespace

absl::Status RunBench(const BenchOptions& options, const OnFigure& on_figure) {
  const auto server = ServerProcess::Start(options.server);
  if (!server.ok()) return server.status();
  const std::string address = (*server)->address();
  const auto client = ConnectTo(address, absl::Minutes(5));
  if (!client.ok()) return client.status();
  const auto seconds =
      Import(**client, {.run_id = "bench"}, options.prompt_count);
  if (!seconds.ok()) return seconds.status();
  absl::Status status = MeasureCalls(options, address, on_figure);
  if (!status.ok()) return status;
  status = MeasureImportAndLoad(options, **client, **server, on_figure);
  if (!status.ok()) return status;
  const int exit_code = (*server)->Terminate();
  if (exit_code == 0) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("the server ended with exit code ", exit_code));
}

namespace {

// Prompts a batch while all are dealt.
constexpr uint32_t kDealtAtOnce = 8192;
// So long that no prompt is dealt twice.
constexpr double kNeverAgain = 1e9;

// Memory in all, and by the prompt.
absl::Status ReportScale(const ServerProcess& server, const std::string& when,
                         uint64_t prompt_count, const OnFigure& on_figure) {
  absl::Status status =
      ReportMemory(server, "memory_" + when, prompt_count, on_figure);
  if (!status.ok()) return status;
  const absl::StatusOr<uint64_t> bytes = server.ResidentBytes();
  if (!bytes.ok()) return bytes.status();
  const double count = static_cast<double>(prompt_count);
  on_figure({"bytes_a_prompt_" + when,
             static_cast<double>(*bytes) / count,
             "B",
             {{"prompts", count}}});
  return absl::OkStatus();
}

absl::Status DealAll(const ScaleOptions& options, const ServerProcess& server,
                     const OnFigure& on_figure) {
  LoadOptions load = {.address = server.address(),
                      .run_id = "scale",
                      .worker_count = 1,
                      .batch_size = 512,
                      .batch_count = 100};
  absl::Status status =
      Measure(MeasureSampling, load, options.prompt_count, on_figure);
  if (!status.ok()) return status;
  load.batch_size = kDealtAtOnce;
  // The hundred batches above, released again, cool down.
  const uint64_t left = options.prompt_count - load.batch_count * uint64_t{512};
  load.batch_count = (left + kDealtAtOnce - 1) / kDealtAtOnce;
  status = Measure(MeasureDealing, load, options.prompt_count, on_figure);
  if (!status.ok()) return status;
  return ReportScale(server, "after_dealing", options.prompt_count, on_figure);
}

}  // namespace

absl::Status RunScale(const ScaleOptions& options, const OnFigure& on_figure) {
  ServerProcessOptions server_options = options.server;
  server_options.start_timeout = kLongStart;
  const auto server = ServerProcess::Start(server_options);
  if (!server.ok()) return server.status();
  const auto client = ConnectTo((*server)->address(), absl::Minutes(5));
  if (!client.ok()) return client.status();
  const double count = static_cast<double>(options.prompt_count);
  const auto seconds = Import(
      **client, {.run_id = "scale", .group_size = 1, .cooldown = kNeverAgain},
      options.prompt_count);
  if (!seconds.ok()) return seconds.status();
  on_figure({"import", *seconds, "s", {{"prompts", count}}});
  absl::Status status =
      ReportScale(**server, "after_import", options.prompt_count, on_figure);
  if (!status.ok()) return status;
  status = KillAndRestart(**server, options.prompt_count, on_figure);
  if (!status.ok()) return status;
  status =
      ReportScale(**server, "after_restart", options.prompt_count, on_figure);
  if (!status.ok()) return status;
  if (options.deal) {
    status = DealAll(options, **server, on_figure);
    if (!status.ok()) return status;
    status = KillAndRestart(**server, options.prompt_count, on_figure);
    if (!status.ok()) return status;
    status = ReportScale(**server, "after_dealing_and_restart",
                         options.prompt_count, on_figure);
    if (!status.ok()) return status;
  }
  const int exit_code = (*server)->Terminate();
  if (exit_code == 0) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("the server ended with exit code ", exit_code));
}

}  // namespace vade::load
