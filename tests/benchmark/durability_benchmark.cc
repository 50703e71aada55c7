// vade-durability-benchmark: durable reports of vade-server with
// --sync=always, beside a bare RocksDB that writes, with an fsync for each
// report, the very records that such a report changes.
//
//   vade-durability-benchmark --rounds=5 --folder=/var/tmp
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cpp/clock.h"
#include "client/load/measure.h"
#include "client/load/process.h"
#include "tests/benchmark/bare_rocksdb.h"
#include "tests/benchmark/comparison.h"
#include "tests/benchmark/report_mutations.h"
#include "tests/benchmark/subjects.h"
#include "tests/storage/temp_folder.h"

namespace vade::benchmarks {
namespace {

struct Flags {
  std::string server = load::SiblingPath("vade-server");
  std::vector<std::string> server_flags = {"--sync=always"};
  std::string folder;
  std::string suffix;
  uint64_t prompt_count = 100'000;
  uint32_t batch_size = 512;
  uint32_t batches_in_flight = 4;
  uint32_t singles_in_flight = 64;
  // Sampled at a time, and reported then.
  uint64_t batch_count = 32;
  // A round.
  double seconds = 2;
  int rounds = 5;
};

// Mutations of reports, and how they compare with what the server did.
struct Workload {
  std::string name;
  // "rollouts/s" of so many rollouts a report.
  std::string unit;
  double unit_per_report = 1;
  std::string baseline;
  std::vector<storage::Mutation> mutations;
};

// The mutations one after the other, each synced, for as long as `duration`.
absl::StatusOr<LoadFigures> LoadBare(BareRocksDb& store,
                                     const std::vector<storage::Mutation>& all,
                                     absl::Duration duration) {
  client::Clock& clock = client::SystemClock();
  const absl::Time start = clock.Now();
  std::vector<double> milliseconds;
  absl::Time now = start;
  for (uint64_t i = 0; now - start < duration; ++i) {
    const absl::Status written = store.WriteSynced(all[i % all.size()]);
    if (!written.ok()) return written;
    const absl::Time end = clock.Now();
    milliseconds.push_back(absl::ToDoubleMilliseconds(end - now));
    now = end;
  }
  return FiguresOf(std::move(milliseconds), absl::ToDoubleSeconds(now - start));
}

void AddContext(const Workload& workload, const LoadShape& shape,
                Comparison& comparison) {
  double bytes = 0;
  double records = 0;
  for (const storage::Mutation& mutation : workload.mutations) {
    bytes += static_cast<double>(mutation.bytes());
    records += static_cast<double>(mutation.size());
  }
  const double count = static_cast<double>(workload.mutations.size());
  comparison.AddContext("in_flight", shape.in_flight);
  comparison.AddContext("records_per_report", records / count);
  comparison.AddContext("bytes_per_report", bytes / count);
}

using Load = absl::StatusOr<LoadFigures> (*)(
    Connections& connections,
    const std::vector<api::SampleBatchResponse>& batches,
    const LoadShape& shape);

// Reports for as long as `shape` says, in parts: what they are of is sampled
// before each, and what is left of it released after, which is not measured.
absl::StatusOr<LoadFigures> LoadOurs(const Flags& flags, Load load,
                                     const LoadShape& shape, Subject& ours) {
  std::vector<double> milliseconds;
  double seconds = 0;
  while (seconds < absl::ToDoubleSeconds(shape.max_duration)) {
    const auto batches =
        SampleBatches(*ours.client, flags.batch_size, flags.batch_count);
    if (!batches.ok()) return batches.status();
    const auto part = load(*ours.connections, *batches, shape);
    if (!part.ok()) return part.status();
    const std::vector<double>& more = part->milliseconds;
    milliseconds.insert(milliseconds.end(), more.begin(), more.end());
    seconds += part->seconds;
    const absl::Status released =
        ReleaseAll(*ours.connections, BatchIds(*batches));
    if (!released.ok()) return released;
  }
  return FiguresOf(std::move(milliseconds), seconds);
}

// One round to warm up, then those that count; who comes first alternates.
absl::Status Compare(const Flags& flags, const Workload& workload, Load load,
                     const LoadShape& shape, Subject& ours, BareRocksDb& bare) {
  const std::string name = workload.name + flags.suffix;
  Comparison rate(name + "_rate", workload.unit, workload.baseline);
  Comparison median(name + "_p50", "ms", workload.baseline);
  Comparison tail(name + "_p99", "ms", workload.baseline);
  for (int i = -1; i < flags.rounds; ++i) {
    absl::StatusOr<LoadFigures> bare_figures;
    const auto load_bare = [&] {
      bare_figures = LoadBare(bare, workload.mutations, shape.max_duration);
    };
    if (i % 2 != 0) load_bare();
    const auto figures = LoadOurs(flags, load, shape, ours);
    if (i % 2 == 0) load_bare();
    if (!figures.ok()) return figures.status();
    if (!bare_figures.ok()) return bare_figures.status();
    if (i < 0) continue;
    rate.AddRound(figures->CallsPerSecond() * workload.unit_per_report,
                  bare_figures->CallsPerSecond() * workload.unit_per_report);
    median.AddRound(load::Percentile(figures->milliseconds, 0.5),
                    load::Percentile(bare_figures->milliseconds, 0.5));
    tail.AddRound(load::Percentile(figures->milliseconds, 0.99),
                  load::Percentile(bare_figures->milliseconds, 0.99));
  }
  for (Comparison* comparison : {&rate, &median, &tail}) {
    AddContext(workload, shape, *comparison);
    comparison->Print();
  }
  return absl::OkStatus();
}

absl::Status CompareAll(const Flags& flags, const std::string& folder) {
  auto ours = StartSubject(flags.server, folder + "/ours", flags.server_flags);
  if (!ours.ok()) return ours.status();
  absl::Status status = MakePrompts(*ours->client, flags.prompt_count);
  if (!status.ok()) return status;
  const auto bare = BareRocksDb::Open(folder + "/bare");
  if (!bare.ok()) return bare.status();
  ReportMutations mutations =
      MakeReportMutations(flags.prompt_count, flags.batch_size);
  const Workload whole = {
      "report_rewards_" + std::to_string(flags.batch_size) + "_groups",
      "rollouts/s", static_cast<double>(flags.batch_size) * kGroupSize,
      "RocksDB, one synced write batch a report, one thread",
      std::move(mutations.batches)};
  status = Compare(flags, whole, &LoadBatchReports,
                   {.in_flight = flags.batches_in_flight,
                    .max_duration = absl::Seconds(flags.seconds)},
                   *ours, **bare);
  if (!status.ok()) return status;
  const Workload singles = {"report_rewards_1_durable", "reports/s", 1,
                            "RocksDB, one synced write a report, one thread",
                            std::move(mutations.singles)};
  return Compare(flags, singles, &LoadSingleReports,
                 {.in_flight = flags.singles_in_flight,
                  .max_duration = absl::Seconds(flags.seconds)},
                 *ours, **bare);
}

int Main(int argc, char** argv) {
  CLI::App app("Durable reports beside a bare RocksDB.",
               "vade-durability-benchmark");
  Flags flags;
  app.add_option("--server", flags.server, "vade-server to measure")
      ->capture_default_str();
  app.add_option("--server-flag", flags.server_flags, "Of vade-server")
      ->capture_default_str();
  app.add_option("--folder", flags.folder,
                 "An empty folder on the disk to measure (default: a "
                 "temporary one, removed at the end)");
  app.add_option("--suffix", flags.suffix,
                 "Put behind the names of what is reported, say of the disk");
  app.add_option("--prompts", flags.prompt_count)->capture_default_str();
  app.add_option("--batch-size", flags.batch_size)->capture_default_str();
  app.add_option("--batches", flags.batch_count, "Sampled at a time")
      ->capture_default_str();
  app.add_option("--rounds", flags.rounds)->capture_default_str();
  app.add_option("--seconds", flags.seconds, "Of a round")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const TempFolder temporary;
  const absl::Status status =
      CompareAll(flags, flags.folder.empty() ? temporary.path() : flags.folder);
  if (status.ok()) return 0;
  std::cerr << "vade-durability-benchmark: " << status << "\n";
  return 1;
}

}  // namespace
}  // namespace vade::benchmarks

int main(int argc, char** argv) { return vade::benchmarks::Main(argc, argv); }
