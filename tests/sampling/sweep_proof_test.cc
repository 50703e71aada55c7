// The proof that sweep and scan deal from the distribution of the plain
// selector, and that the proof would notice if they did not. Every test case
// that compares distributions raises a false alarm with probability
// kFalseAlarmRate.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "server/sampling/estimator.h"
#include "server/sampling/scan.h"
#include "server/sampling/sweep.h"
#include "server/sampling/sweep_selector.h"
#include "server/sampling/top_selector.h"
#include "server/sampling/window.h"
#include "tests/catch.h"
#include "tests/sampling/prompt_pool.h"
#include "tests/sampling/selection_proof.h"
#include "tests/sampling/statistics.h"

namespace vade::sampling {
namespace {

constexpr double kNoGuess = std::numeric_limits<double>::infinity();

// A selector that scans, from a guess of the worst deficit.
class ScanFrom final : public Selector {
 public:
  explicit ScanFrom(double guess, const Kernels& kernels = BestKernels())
      : guess_(guess), kernels_(kernels) {}

  Selection Select(const SelectionInput& input) const override {
    Selection selection;
    RunScan(input, kGain, kernels_, Swept(), guess_, selection.picks);
    return selection;
  }

 private:
  const double guess_;
  const Kernels& kernels_;
};

// The same, but draws anew for all prompts where the guess was too low, as if
// nothing were known of them.
class ScanAnewFrom final : public Selector {
 public:
  explicit ScanAnewFrom(double guess) : guess_(guess) {}

  Selection Select(const SelectionInput& input) const override {
    Selection selection = ScanFrom(guess_).Select(input);
    if (kGain.Deficit(selection.picks.back().estimate) <= guess_) {
      return selection;
    }
    SelectionInput anew = input;
    anew.seed += 1;
    return ScanFrom(kNoGuess).Select(anew);
  }

 private:
  const double guess_;
};

// A selector that sweeps even where a scan would be cheaper, through stages
// that a test may have changed.
class SweepFirst final : public Selector {
 public:
  using Change = void (*)(std::vector<SweepStage>&);

  explicit SweepFirst(Objective objective, Change change = nullptr,
                      const Kernels& kernels = BestKernels())
      : objective_(objective),
        change_(change),
        kernels_(kernels),
        stages_(objective, BestKernels()) {}

  Selection Select(const SelectionInput& input) const override {
    std::vector<SweepStage> stages = stages_.For(input.max_evidence);
    if (change_ != nullptr) change_(stages);
    Selection selection;
    Swept swept =
        RunSweep(input, objective_, kernels_, stages, selection.picks);
    RunScan(input, objective_, kernels_, std::move(swept), kNoGuess,
            selection.picks);
    return selection;
  }

 private:
  const Objective objective_;
  const Change change_;
  const Kernels& kernels_;
  const SweepStages stages_;
};

// Leaves the rest to the scan, given what was swept.
void KeepOneStage(std::vector<SweepStage>& stages) { stages.resize(1); }

// Proposes too rarely for the densest posteriors.
void LowerHazard(std::vector<SweepStage>& stages) {
  for (SweepStage& stage : stages) stage.hazard_bound *= 0.8;
}

void LowerDensityBound(std::vector<SweepStage>& stages) {
  for (SweepStage& stage : stages) stage.density_bound *= 0.8;
}

// Kernels with which S is always 1: only the quadrature asks for 24 densities.
Kernels WithoutExclusion() {
  Kernels kernels = BestKernels();
  kernels.densities = [](const double* alpha, const double* beta,
                         const double* rates, size_t n, double* densities) {
    BestKernels().densities(alpha, beta, rates, n, densities);
    if (n == 24) std::fill(densities, densities + n, 0.0);
  };
  return kernels;
}

ProofState StateOf(const std::vector<Evidence>& evidence) {
  ProofState state = FreshState(static_cast<uint32_t>(evidence.size()));
  state.population = MakePopulation(evidence);
  return state;
}

// Half of the posteriors as dense at a third as ten rollouts can make them.
ProofState SharpState(uint32_t size) {
  std::vector<Evidence> evidence(size);
  for (uint32_t i = 0; i < size; i += 2) evidence[i] = {10.0 / 3, 20.0 / 3};
  return StateOf(evidence);
}

ProofResult Compare(const Selector& selector, const Objective& objective,
                    const ProofState& state, uint32_t batch, uint64_t calls,
                    uint64_t seed) {
  const TopSelector top(std::make_unique<ThompsonEstimator>(), objective);
  // Other numbers for the oracle, so that the two are independent even where
  // the scan draws outright.
  return CompareRecords(
      RecordSelections(top, objective, state, batch, calls, seed + 1000),
      RecordSelections(selector, objective, state, batch, calls, seed));
}

void CheckAgrees(const Selector& selector, const Objective& objective,
                 const ProofState& state, uint32_t batch, uint64_t calls,
                 uint64_t seed) {
  const ProofResult result =
      Compare(selector, objective, state, batch, calls, seed);
  INFO("seed " << seed << ", batch " << batch << ", " << result.ToString());
  CHECK(result.Combined() > kFalseAlarmRate);
}

TEST_CASE("A sweep deals as the plain selector on a fresh run", "[stat]") {
  const ProofState state = FreshState(2000);
  CheckAgrees(SweepFirst(kGain), kGain, state, 50, 3000, 81);
  CHECK(CoveredLengthP(
            RecordSelections(SweepFirst(kGain), kGain, state, 50, 3000, 82),
            kGain, 2000) > kFalseAlarmRate);
}

TEST_CASE("A sweep deals as the plain selector in the midst of training",
          "[stat]") {
  const ProofState state = TrainedState(2000, 50, 300);
  for (const Objective& objective :
       {kGain, Objective(ObjectiveKind::kVariance),
        Objective(ObjectiveKind::kNearTarget, 0.7)}) {
    CheckAgrees(SweepFirst(objective), objective, state, 50, 2000, 83);
  }
}

TEST_CASE("A scan deals as the plain selector", "[stat]") {
  // So many that the worst deficit is guessed.
  const ProofState states[] = {FreshState(1500), TrainedState(1500, 25, 300),
                               SharpState(1500)};
  for (const ProofState& state : states) {
    for (const uint32_t batch : {1u, 50u, 400u}) {
      CheckAgrees(SweepSelector(kGain), kGain, state, batch, 1500, 84);
    }
  }
}

TEST_CASE("A scan from any guess deals as the plain selector", "[stat]") {
  const ProofState states[] = {FreshState(1000), TrainedState(1000, 25, 300),
                               SharpState(1000)};
  for (const ProofState& state : states) {
    for (const double length : {0.002, 0.03, 0.05, 0.3}) {
      CheckAgrees(ScanFrom(DeficitOfLength(kGain, length)), kGain, state, 50,
                  1500, 97);
    }
  }
}

// How often in 400 batches the guess, times `factor`, was below the worst
// deficit of a batch that was drawn with other numbers.
int LowGuesses(const ProofState& state, uint32_t batch, double factor) {
  const TopSelector top(std::make_unique<ThompsonEstimator>(), kGain);
  int low = 0;
  for (uint64_t sequence = 0; sequence < 400; ++sequence) {
    const double guess =
        GuessDeficit(InputOf(state.population, batch, 101, sequence), kGain,
                     BestKernels(), Swept(), batch);
    const Selection selection =
        top.Select(InputOf(state.population, batch, 102, sequence));
    const double worst = kGain.Deficit(selection.picks.back().estimate);
    // Not so wide that it tells nothing.
    CHECK(WindowOf(kGain, guess).length() <
          4 * WindowOf(kGain, worst).length());
    if (guess * factor < worst) ++low;
  }
  return low;
}

TEST_CASE("A guess is seldom too low, and never much too wide", "[stat]") {
  ProofState few = TrainedState(8000, 100, 100);
  for (uint32_t i = 0; i < 8000; ++i) {
    if (i % 4 != 0) few.population.SetFree(i, false);
  }
  const ProofState states[] = {FreshState(2000), TrainedState(2000, 50, 300),
                               SharpState(2000), std::move(few)};
  for (const ProofState& state : states) {
    // A few in a thousand are; more than 16 with a probability below 1e-6.
    CHECK(LowGuesses(state, 200, 1) <= 16);
    CHECK(LowGuesses(state, 200, 0.2) > 16);
  }
}

TEST_CASE("The proof catches a scan that draws anew after a low guess",
          "[stat]") {
  // Half of the batches reach that far.
  const ScanAnewFrom selector(DeficitOfLength(kGain, 0.05));
  const ProofResult result =
      Compare(selector, kGain, FreshState(1000), 50, 1500, 98);
  INFO(result.ToString());
  CHECK(result.last_deficit_p < kFalseAlarmRate);
}

TEST_CASE("The proof catches a scan whose bounds are too low", "[stat]") {
  Kernels kernels = BestKernels();
  kernels.chance_bounds = [](const ScanWindow& window, float log_decay,
                             const float* alpha, const float* beta,
                             const float* gaps, size_t n, float* bounds) {
    BestKernels().chance_bounds(window, log_decay, alpha, beta, gaps, n,
                                bounds);
    for (size_t i = 0; i < n; ++i) bounds[i] *= 0.5F;
  };
  const ProofResult result = Compare(ScanFrom(kNoGuess, kernels), kGain,
                                     SharpState(1000), 50, 1500, 99);
  INFO(result.ToString());
  CHECK(result.Combined() < kFalseAlarmRate);
}

TEST_CASE("A scan that follows a sweep deals as the plain selector", "[stat]") {
  const ProofState states[] = {FreshState(1000), TrainedState(1000, 25, 300),
                               SharpState(1000)};
  for (const ProofState& state : states) {
    for (const Objective& objective :
         {kGain, Objective(ObjectiveKind::kVariance)}) {
      CheckAgrees(SweepFirst(objective, KeepOneStage), objective, state, 200,
                  1500, 85);
    }
  }
}

TEST_CASE("Batches are right where posteriors avoid the mode", "[stat]") {
  std::vector<Evidence> solved(1000);
  std::vector<Evidence> unsolved(1000);
  std::vector<Evidence> known(1000);
  for (uint32_t i = 0; i < 1000; ++i) {
    solved[i] = {8 + i % 3 * 0.9, i % 7 * 0.1};
    unsolved[i] = {i % 5 * 0.1, 9 + i % 4 * 0.2};
    known[i] = {0.3 * i, 300 - 0.3 * i};
  }
  for (const std::vector<Evidence>& evidence : {solved, unsolved, known}) {
    CheckAgrees(SweepFirst(kGain), kGain, StateOf(evidence), 50, 1500, 86);
    CheckAgrees(SweepSelector(kGain), kGain, StateOf(evidence), 50, 1500, 87);
  }
}

TEST_CASE("The proof catches a sweep that leaves out S", "[stat]") {
  const Kernels kernels = WithoutExclusion();
  const ProofResult result = Compare(SweepFirst(kGain, nullptr, kernels), kGain,
                                     FreshState(400), 50, 2000, 88);
  INFO(result.ToString());
  CHECK(result.last_deficit_p < kFalseAlarmRate);
  // Which is why frequencies are not enough.
  CHECK(result.dealt_p > kFalseAlarmRate);
}

TEST_CASE("The proof catches a sweep whose bound is too low", "[stat]") {
  const ProofResult result = Compare(SweepFirst(kGain, LowerHazard), kGain,
                                     SharpState(2000), 50, 3000, 89);
  INFO(result.ToString());
  CHECK(result.Combined() < kFalseAlarmRate);
}

TEST_CASE("A density above its bound ends the program", "[unit]") {
  const ProofState state = SharpState(2000);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    // Without the test program's own handler.
    std::signal(SIGABRT, SIG_DFL);
    RecordSelections(SweepFirst(kGain, LowerDensityBound), kGain, state, 50, 20,
                     90);
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGABRT);
}

TEST_CASE("The full proof of the sweep", "[.][slow]") {
  constexpr uint64_t kCalls = kFullProofCalls;
  const ProofState fresh = FreshState(2000);
  const ProofState trained = TrainedState(2000, 50, 300);
  const TopSelector top(std::make_unique<ThompsonEstimator>(), kGain);
  const ProofRecord top_fresh =
      RecordSelections(top, kGain, fresh, 50, kCalls, 1091);
  const ProofRecord top_trained =
      RecordSelections(top, kGain, trained, 50, kCalls, 1095);
  const auto check_agrees = [&](const Selector& selector,
                                const ProofRecord& expected,
                                const ProofState& state, uint64_t seed) {
    const ProofResult result = CompareRecords(
        expected, RecordSelections(selector, kGain, state, 50, kCalls, seed));
    INFO("seed " << seed << ", " << result.ToString());
    CHECK(result.Combined() > kFalseAlarmRate);
  };
  check_agrees(SweepFirst(kGain), top_fresh, fresh, 91);
  check_agrees(SweepSelector(kGain), top_fresh, fresh, 92);
  check_agrees(SweepFirst(kGain, KeepOneStage), top_fresh, fresh, 93);
  check_agrees(SweepFirst(kGain), top_trained, trained, 95);
  check_agrees(SweepSelector(kGain), top_trained, trained, 96);
  const Kernels kernels = WithoutExclusion();
  const ProofResult mutant = CompareRecords(
      top_fresh, RecordSelections(SweepFirst(kGain, nullptr, kernels), kGain,
                                  fresh, 50, kCalls, 94));
  INFO("without S " << mutant.ToString());
  CHECK(mutant.last_deficit_p < MutantP(kCalls));
  CHECK(mutant.dealt_p > kFalseAlarmRate);
}

}  // namespace
}  // namespace vade::sampling
