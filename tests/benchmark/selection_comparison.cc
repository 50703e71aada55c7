// vade-selection-comparison: microseconds of one selection, from a state that
// it first writes to a file, so that baselines/selection.py selects from the
// same. It measures when it is told to: each line of stdin is a number of
// milliseconds to go on for, each line of stdout the median of the selections
// in that time, in microseconds. compare_selection.py lets the two take turns.
#include <benchmark/benchmark.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/cpp/clock.h"
#include "server/sampling/policy.h"
#include "tests/benchmark/comparison.h"
#include "tests/benchmark/selection_states.h"

namespace vade::benchmarks {
namespace {

struct Flags {
  std::string state = "trained";
  std::string policy = "vade";
  std::string file;
  uint32_t prompts = 100'000;
  uint32_t count = 512;
  double free_share = 1;
};

// alpha and beta, faded to now, of the free prompts and then of all others:
// the number of all prompts and of the free ones as uint64, then pairs of
// double, in the machine's order of bytes.
bool WriteState(const SelectionState& state, const std::string& path) {
  const sampling::SelectionInput input = InputOf(state, 0);
  std::vector<double> pairs;
  const uint32_t prompts = state.population.size();
  pairs.reserve(size_t{2} * prompts);
  for (const bool free : {true, false}) {
    for (uint32_t i = 0; i < prompts; ++i) {
      if (state.population.free(i) != free) continue;
      const sampling::Evidence evidence = input.EvidenceOf(i);
      pairs.push_back(evidence.alpha);
      pairs.push_back(evidence.beta);
    }
  }
  const uint64_t counts[] = {prompts, state.population.free_count()};
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(counts), sizeof(counts));
  out.write(reinterpret_cast<const char*>(pairs.data()),
            static_cast<std::streamsize>(pairs.size() * sizeof(double)));
  return static_cast<bool>(out.flush());
}

class Measurement {
 public:
  Measurement(const Flags& flags, const SelectionState& state)
      : population_(state.population),
        selector_(
            sampling::MakeSelector(*sampling::FindPolicy(flags.policy), 0.5)),
        input_(InputOf(state, flags.count)) {}

  // At least one selection.
  double MedianMicroseconds(absl::Duration length) {
    client::Clock& clock = client::SystemClock();
    const absl::Time start = clock.Now();
    std::vector<double> microseconds;
    absl::Time now = start;
    do {
      SelectOnce();
      const absl::Time end = clock.Now();
      microseconds.push_back(absl::ToDoubleMicroseconds(end - now));
      now = end;
    } while (now - start < length);
    return Median(std::move(microseconds));
  }

 private:
  // As a run does: a list pays where few prompts are free.
  void SelectOnce() {
    ++input_.sequence;
    input_.list.reset();
    listed_.clear();
    if (population_.MostAreBusy()) {
      population_.AppendFree(listed_);
      input_.list = listed_;
    }
    benchmark::DoNotOptimize(selector_->Select(input_));
  }

  const sampling::Population& population_;
  const std::unique_ptr<sampling::Selector> selector_;
  sampling::SelectionInput input_;
  std::vector<uint32_t> listed_;
};

int Main(int argc, char** argv) {
  CLI::App app("Measures selections on demand.", "vade-selection-comparison");
  Flags flags;
  app.add_option("--state", flags.state)
      ->check(CLI::IsMember(SelectionStateNames()))
      ->capture_default_str();
  app.add_option("--policy", flags.policy)
      ->check(CLI::IsMember(sampling::PolicyNames()))
      ->capture_default_str();
  app.add_option("--prompts", flags.prompts)
      ->check(CLI::Range(1, 200'000'000))
      ->capture_default_str();
  app.add_option("--count", flags.count, "Prompts to select")
      ->capture_default_str();
  app.add_option("--free-share", flags.free_share, "Share that may be dealt")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--write", flags.file, "Where the state is left");
  CLI11_PARSE(app, argc, argv);
  SelectionState state = MakeSelectionState(flags.state, flags.prompts);
  KeepFree(state, flags.free_share);
  if (!flags.file.empty() && !WriteState(state, flags.file)) {
    std::cerr << "vade-selection-comparison: cannot write " << flags.file
              << "\n";
    return 1;
  }
  Measurement measurement(flags, state);
  std::cout << "ready" << std::endl;
  double milliseconds = 0;
  while (std::cin >> milliseconds) {
    std::cout << measurement.MedianMicroseconds(
                     absl::Milliseconds(milliseconds))
              << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace vade::benchmarks

int main(int argc, char** argv) { return vade::benchmarks::Main(argc, argv); }
