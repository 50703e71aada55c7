#include "tests/sampling/selection_proof.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "server/sampling/draw.h"
#include "server/sampling/top_selector.h"
#include "tests/catch.h"
#include "tests/sampling/prompt_pool.h"
#include "tests/sampling/statistics.h"

namespace vade::sampling {
namespace {

// Sorts all prompts by a draw of the standard library's: nothing of it is the
// project's own.
class NaiveSelector final : public Selector {
 public:
  explicit NaiveSelector(Objective objective) : objective_(objective) {}

  Selection Select(const SelectionInput& input) const override {
    std::seed_seq seeds{input.seed, input.sequence};
    std::mt19937_64 engine(seeds);
    std::vector<std::pair<double, uint32_t>> order;
    std::vector<double> draws;
    for (uint32_t i = 0; i < input.population->size(); ++i) {
      draws.push_back(0);
      if (!input.IsEligible(i)) continue;
      const Evidence evidence = input.EvidenceOf(i);
      std::gamma_distribution<double> successes(evidence.alpha + 1);
      std::gamma_distribution<double> failures(evidence.beta + 1);
      const double x = successes(engine);
      draws.back() = x / (x + failures(engine));
      order.emplace_back(objective_.Deficit(draws.back()), i);
    }
    std::sort(order.begin(), order.end());
    Selection selection;
    for (uint32_t i = 0; i < input.count; ++i) {
      const uint32_t prompt = order[i].second;
      selection.picks.push_back({prompt, draws[prompt], 0, 0});
    }
    return selection;
  }

 private:
  const Objective objective_;
};

// The top selector with what `spoil` does to its input and estimates.
class SpoiledSelector final : public Selector {
 public:
  using Spoil = std::function<double(Evidence, uint64_t, uint64_t, uint32_t)>;

  SpoiledSelector(Objective objective, Spoil spoil)
      : top_(std::make_unique<SpoiledEstimator>(std::move(spoil)), objective) {}

  Selection Select(const SelectionInput& input) const override {
    return top_.Select(input);
  }

 private:
  class SpoiledEstimator final : public Estimator {
   public:
    explicit SpoiledEstimator(Spoil spoil) : spoil_(std::move(spoil)) {}
    void Estimate(absl::Span<const uint32_t> prompts,
                  absl::Span<const Evidence> evidence, uint64_t seed,
                  uint64_t sequence,
                  absl::Span<double> estimates) const override {
      for (size_t i = 0; i < prompts.size(); ++i) {
        estimates[i] = spoil_(evidence[i], seed, sequence, prompts[i]);
      }
    }

   private:
    const Spoil spoil_;
  };

  const TopSelector top_;
};

double RightDraw(Evidence evidence, uint64_t seed, uint64_t sequence,
                 uint32_t prompt) {
  RandomStream random(seed, sequence, prompt, Purpose::kDraw);
  return DrawBeta(evidence, random);
}

// A prior of a little less than one success and one failure.
double WithWeakPrior(Evidence evidence, uint64_t seed, uint64_t sequence,
                     uint32_t prompt) {
  return RightDraw(
      {std::max(0.0, evidence.alpha - 0.1), std::max(0.0, evidence.beta - 0.1)},
      seed, sequence, prompt);
}

// Every second batch draws the numbers of the one before.
double WithRepeatedSequence(Evidence evidence, uint64_t seed, uint64_t sequence,
                            uint32_t prompt) {
  return RightDraw(evidence, seed, sequence / 2, prompt);
}

// Neighbours share their random numbers.
double WithSharedStream(Evidence evidence, uint64_t seed, uint64_t sequence,
                        uint32_t prompt) {
  return RightDraw(evidence, seed, sequence, prompt / 2);
}

// What a sweep does on a fresh run if it forgets to divide the hazard by S, the
// probability that a prompt was not met before: the window's length w at which
// a prompt is met is -log(1 - w). That keeps the order of prompts, so it deals
// each as often as it should.
class NoExclusionSelector final : public Selector {
 public:
  explicit NoExclusionSelector(Objective objective)
      : top_(std::make_unique<ThompsonEstimator>(), objective),
        objective_(objective) {
    for (size_t i = 0; i <= kSteps; ++i) {
      lengths_.push_back(
          CoveredLength(objective, objective.DeficitAt(DistanceAt(i))));
    }
  }

  Selection Select(const SelectionInput& input) const override {
    Selection selection = top_.Select(input);
    for (Pick& pick : selection.picks) {
      const double length =
          CoveredLength(objective_, objective_.Deficit(pick.estimate));
      pick.estimate = RightEdge(-std::log1p(-length));
    }
    return selection;
  }

 private:
  static constexpr size_t kSteps = 4096;

  // Of the right side of the mode, where all lengths up to one end.
  double DistanceAt(size_t step) const {
    return (1 - objective_.mode()) * static_cast<double>(step) / kSteps;
  }

  // The pass rate above the mode at the edge of a window of `length`.
  double RightEdge(double length) const {
    const size_t above = static_cast<size_t>(
        std::upper_bound(lengths_.begin(), lengths_.end(), length) -
        lengths_.begin());
    if (above > kSteps) return 1;
    const double part = (length - lengths_[above - 1]) /
                        (lengths_[above] - lengths_[above - 1]);
    return objective_.mode() + (1 - part) * DistanceAt(above - 1) +
           part * DistanceAt(above);
  }

  const TopSelector top_;
  const Objective objective_;
  std::vector<double> lengths_;
};

TopSelector MakeTop(const Objective& objective) {
  return TopSelector(std::make_unique<ThompsonEstimator>(), objective);
}

ProofResult Prove(const Selector& selector, const Objective& objective,
                  const ProofState& state, uint32_t batch, uint64_t calls,
                  uint64_t seed) {
  return CompareRecords(
      RecordSelections(NaiveSelector(objective), objective, state, batch, calls,
                       seed),
      RecordSelections(selector, objective, state, batch, calls, seed));
}

TEST_CASE("The top selector deals as the naive one on a fresh run", "[stat]") {
  constexpr uint64_t kSeed = 71;
  const ProofState state = FreshState(2000);
  const ProofRecord top =
      RecordSelections(MakeTop(kGain), kGain, state, 50, 3000, kSeed);
  const ProofResult result = CompareRecords(
      RecordSelections(NaiveSelector(kGain), kGain, state, 50, 3000, kSeed),
      top);
  INFO("seed " << kSeed << ", " << result.ToString());
  CHECK(result.Combined() > kFalseAlarmRate);
  CHECK(CoveredLengthP(top, kGain, 2000) > kFalseAlarmRate);
}

TEST_CASE("The top selector deals as the naive one in the midst of training",
          "[stat]") {
  constexpr uint64_t kSeed = 72;
  const ProofState state = TrainedState(2000, 50, 300);
  for (const Objective& objective :
       {kGain, Objective(ObjectiveKind::kVariance),
        Objective(ObjectiveKind::kNearTarget, 0.7)}) {
    const ProofResult result =
        Prove(MakeTop(objective), objective, state, 50, 2000, kSeed);
    INFO("seed " << kSeed << ", " << result.ToString());
    CHECK(result.Combined() > kFalseAlarmRate);
  }
}

TEST_CASE("The proof catches selectors that draw wrongly", "[stat]") {
  const ProofState state = TrainedState(400, 40, 100);
  for (const auto& mutant :
       {WithWeakPrior, WithRepeatedSequence, WithSharedStream}) {
    const ProofResult result =
        Prove(SpoiledSelector(kGain, mutant), kGain, state, 40, 5000, 73);
    INFO(result.ToString());
    CHECK(result.Combined() < kFalseAlarmRate);
  }
}

TEST_CASE("The proof catches a missing exclusion that frequencies do not see",
          "[stat]") {
  const ProofState state = FreshState(400);
  const NoExclusionSelector mutant(kGain);
  const ProofRecord record =
      RecordSelections(mutant, kGain, state, 100, 1000, 74);
  const ProofResult result = CompareRecords(
      RecordSelections(NaiveSelector(kGain), kGain, state, 100, 1000, 74),
      record);
  INFO(result.ToString());
  CHECK(result.last_deficit_p < kFalseAlarmRate);
  CHECK(CoveredLengthP(record, kGain, 400) < kFalseAlarmRate);
  CHECK(result.dealt_p > kFalseAlarmRate);
  CHECK(result.dealt_together_p > kFalseAlarmRate);
}

TEST_CASE("The proof raises false alarms no oftener than it says", "[stat]") {
  // With a rate of 1/20, alarms over 100 seeds are at most binomial.
  const ProofState state = TrainedState(400, 40, 100);
  int alarms = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    if (Prove(MakeTop(kGain), kGain, state, 40, 150, seed).Combined() < 0.05) {
      ++alarms;
    }
  }
  const boost::math::binomial allowed(100, 0.05);
  INFO(alarms << " alarms");
  CHECK(boost::math::cdf(boost::math::complement(allowed, alarms)) >
        kFalseAlarmRate);
}

// The naive selector is slow: it does not make all the batches of a full proof.
TEST_CASE("The full proof of the selectors", "[.][slow]") {
  constexpr uint64_t kSeed = 75;
  constexpr uint64_t kCalls = std::min<uint64_t>(kFullProofCalls, 30'000);
  const ProofState fresh = FreshState(2000);
  const ProofRecord naive =
      RecordSelections(NaiveSelector(kGain), kGain, fresh, 50, kCalls, kSeed);
  const ProofRecord top =
      RecordSelections(MakeTop(kGain), kGain, fresh, 50, kCalls, kSeed);
  const ProofResult result = CompareRecords(naive, top);
  INFO("seed " << kSeed << ", " << result.ToString());
  CHECK(result.Combined() > kFalseAlarmRate);
  CHECK(CoveredLengthP(top, kGain, 2000) > kFalseAlarmRate);
  const ProofResult mutant =
      CompareRecords(naive, RecordSelections(NoExclusionSelector(kGain), kGain,
                                             fresh, 50, kCalls, kSeed));
  INFO(mutant.ToString());
  CHECK(mutant.last_deficit_p < MutantP(kCalls));
  CHECK(mutant.dealt_p > kFalseAlarmRate);
  const ProofResult trained = Prove(
      MakeTop(kGain), kGain, TrainedState(2000, 50, 300), 50, kCalls, kSeed);
  INFO(trained.ToString());
  CHECK(trained.Combined() > kFalseAlarmRate);
}

}  // namespace
}  // namespace vade::sampling
