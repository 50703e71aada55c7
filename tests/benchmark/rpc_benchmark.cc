// vade-rpc-benchmark: calls a second and their latency, of vade-server and of
// a bare gRPC server that answers messages of the same sizes and does nothing.
// Same client, same connections, same machine, rounds that take turns.
//
//   vade-rpc-benchmark --rounds=5 --seconds=2
#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/load/measure.h"
#include "client/load/process.h"
#include "tests/benchmark/comparison.h"
#include "tests/benchmark/subjects.h"
#include "tests/storage/temp_folder.h"

namespace vade::benchmarks {
namespace {

struct Flags {
  std::string server = load::SiblingPath("vade-server");
  std::string bare_server = load::SiblingPath("vade-bare-server");
  std::vector<std::string> server_flags = {"--sync=never"};
  std::vector<uint64_t> prompt_counts = {100'000, 1'000'000};
  uint32_t batch_size = 512;
  uint32_t in_flight = 64;
  int rounds = 5;
  double seconds = 2;
};

constexpr char kBaseline[] = "gRPC callback server that does nothing";

struct RoundFigures {
  LoadFigures load;
  // Of the server, all its threads.
  absl::Duration processor_time;

  double MicrosecondsPerCall() const {
    return absl::ToDoubleMicroseconds(processor_time) / load.calls;
  }
};

// Loads one of the two; `ours` says which.
using Round = std::function<absl::StatusOr<RoundFigures>(bool ours)>;

// Runs `load` and measures what it costs the server of `subject`.
absl::StatusOr<RoundFigures> Measure(
    const Subject& subject,
    const std::function<absl::StatusOr<LoadFigures>()>& load) {
  const auto before = subject.server->ProcessorTime();
  const auto figures = load();
  const auto after = subject.server->ProcessorTime();
  if (!figures.ok()) return figures.status();
  if (!before.ok()) return before.status();
  if (!after.ok()) return after.status();
  return RoundFigures{*figures, *after - *before};
}

// The four figures of a kind of call.
struct CallComparisons {
  explicit CallComparisons(const std::string& name)
      : rate(name + "_rate", "calls/s", kBaseline),
        processor(name + "_server_time", "us/call", kBaseline),
        median(name + "_p50", "ms", kBaseline),
        tail(name + "_p99", "ms", kBaseline) {}

  void AddRound(const RoundFigures& ours, const RoundFigures& bare) {
    rate.AddRound(ours.load.CallsPerSecond(), bare.load.CallsPerSecond());
    processor.AddRound(ours.MicrosecondsPerCall(), bare.MicrosecondsPerCall());
    median.AddRound(load::Percentile(ours.load.milliseconds, 0.5),
                    load::Percentile(bare.load.milliseconds, 0.5));
    tail.AddRound(load::Percentile(ours.load.milliseconds, 0.99),
                  load::Percentile(bare.load.milliseconds, 0.99));
  }

  Comparison rate;
  Comparison processor;
  Comparison median;
  Comparison tail;
};

// One round to warm up, then those that count; who comes first alternates.
absl::Status Compare(const std::string& name, const Flags& flags,
                     const LoadShape& shape, uint64_t prompt_count,
                     const Round& round) {
  CallComparisons figures(name);
  for (int i = -1; i < flags.rounds; ++i) {
    const bool ours_first = i % 2 == 0;
    const auto first = round(ours_first);
    if (!first.ok()) return first.status();
    const auto second = round(!ours_first);
    if (!second.ok()) return second.status();
    if (i < 0) continue;
    figures.AddRound(ours_first ? *first : *second,
                     ours_first ? *second : *first);
  }
  for (Comparison* comparison :
       {&figures.rate, &figures.processor, &figures.median, &figures.tail}) {
    comparison->AddContext("in_flight", shape.in_flight);
    comparison->AddContext("prompts", static_cast<double>(prompt_count));
    comparison->Print();
  }
  return absl::OkStatus();
}

// SampleBatch for as long as a round takes, in parts. What was sampled in one
// is reported before the next, which is not measured.
absl::StatusOr<RoundFigures> SampleForARound(const Subject& subject,
                                             bool of_ours, uint32_t batch_size,
                                             const LoadShape& shape) {
  RoundFigures round;
  std::vector<double> milliseconds;
  double seconds = 0;
  while (seconds < absl::ToDoubleSeconds(shape.max_duration)) {
    std::vector<api::SampleBatchResponse> batches;
    const auto part = Measure(subject, [&] {
      return LoadSampling(*subject.connections, batch_size, shape, batches);
    });
    if (!part.ok()) return part.status();
    const std::vector<double>& more = part->load.milliseconds;
    milliseconds.insert(milliseconds.end(), more.begin(), more.end());
    seconds += part->load.seconds;
    round.processor_time += part->processor_time;
    if (!of_ours) continue;
    const auto reported =
        LoadBatchReports(*subject.connections, batches,
                         {.max_duration = absl::InfiniteDuration()});
    if (!reported.ok()) return reported.status();
  }
  round.load = FiguresOf(std::move(milliseconds), seconds);
  return round;
}

absl::Status CompareSampling(const Flags& flags, Subject& ours, Subject& bare,
                             uint64_t prompt_count, uint32_t batch_size,
                             uint32_t in_flight) {
  // An eighth of the prompts is in flight at most.
  const LoadShape shape = {.in_flight = in_flight,
                           .max_calls = prompt_count / 8 / batch_size,
                           .max_duration = absl::Seconds(flags.seconds)};
  return Compare(
      absl::StrCat("sample_batch_", batch_size, "_of_", prompt_count), flags,
      shape, prompt_count, [&](bool of_ours) {
        return SampleForARound(of_ours ? ours : bare, of_ours, batch_size,
                               shape);
      });
}

// ReportRewards of one rollout. Both get the same requests.
absl::Status CompareSingleReports(const Flags& flags, Subject& ours,
                                  Subject& bare, uint64_t prompt_count) {
  const LoadShape shape = {.in_flight = flags.in_flight,
                           .max_duration = absl::Seconds(flags.seconds)};
  // No more rollouts than a quick server can take in a round.
  const uint64_t batch_count =
      std::min<uint64_t>(prompt_count / 2 / flags.batch_size, 100);
  return Compare(
      absl::StrCat("report_rewards_1_of_", prompt_count), flags, shape,
      prompt_count, [&](bool of_ours) -> absl::StatusOr<RoundFigures> {
        const auto batches =
            SampleBatches(*ours.client, flags.batch_size, batch_count);
        if (!batches.ok()) return batches.status();
        Subject& subject = of_ours ? ours : bare;
        auto figures = Measure(subject, [&] {
          return LoadSingleReports(*subject.connections, *batches, shape);
        });
        const absl::Status released =
            ReleaseAll(*ours.connections, BatchIds(*batches));
        if (!released.ok()) return released;
        return figures;
      });
}

absl::Status CompareWith(const Flags& flags, uint64_t prompt_count,
                         const TempFolder& folder) {
  auto ours =
      StartSubject(flags.server, folder / absl::StrCat("ours-", prompt_count),
                   flags.server_flags);
  if (!ours.ok()) return ours.status();
  auto bare = StartSubject(flags.bare_server,
                           folder / absl::StrCat("bare-", prompt_count), {});
  if (!bare.ok()) return bare.status();
  absl::Status status = MakePrompts(*ours->client, prompt_count);
  if (!status.ok()) return status;
  status =
      CompareSampling(flags, *ours, *bare, prompt_count, 1, flags.in_flight);
  if (!status.ok()) return status;
  status = CompareSingleReports(flags, *ours, *bare, prompt_count);
  if (!status.ok()) return status;
  // As a trainer does: one batch, then the next.
  return CompareSampling(flags, *ours, *bare, prompt_count, flags.batch_size,
                         1);
}

int Main(int argc, char** argv) {
  CLI::App app("Calls of vade-server beside those of a bare gRPC server.",
               "vade-rpc-benchmark");
  Flags flags;
  app.add_option("--server", flags.server, "vade-server to measure")
      ->capture_default_str();
  app.add_option("--bare-server", flags.bare_server)->capture_default_str();
  app.add_option("--server-flag", flags.server_flags, "Of vade-server")
      ->capture_default_str();
  app.add_option("--prompts", flags.prompt_counts, "Sizes of the run")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--batch-size", flags.batch_size)->capture_default_str();
  app.add_option("--in-flight", flags.in_flight, "Calls at once")
      ->capture_default_str();
  app.add_option("--rounds", flags.rounds)->capture_default_str();
  app.add_option("--seconds", flags.seconds, "Longest round")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const TempFolder folder;
  for (const uint64_t prompt_count : flags.prompt_counts) {
    const absl::Status status = CompareWith(flags, prompt_count, folder);
    if (!status.ok()) {
      std::cerr << "vade-rpc-benchmark: " << status << "\n";
      return 1;
    }
  }
  return 0;
}

}  // namespace
}  // namespace vade::benchmarks

int main(int argc, char** argv) { return vade::benchmarks::Main(argc, argv); }
