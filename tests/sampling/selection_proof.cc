#include "tests/sampling/selection_proof.h"

#include <algorithm>
#include <boost/math/distributions/beta.hpp>
#include <cstddef>
#include <memory>
#include <sstream>

#include "server/sampling/estimator.h"
#include "server/sampling/posterior.h"
#include "server/sampling/random.h"
#include "server/sampling/top_selector.h"
#include "tests/catch.h"
#include "tests/sampling/prompt_pool.h"
#include "tests/sampling/statistics.h"

namespace vade::sampling {
namespace {

constexpr uint32_t kGroupSize = 8;

// The greatest distance from the mode, on the side of `sign` and within
// `limit`, of a deficit of at most `deficit`.
double Reach(const Objective& objective, double deficit, double sign,
             double limit) {
  double low = 0;
  double high = limit;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (objective.DeficitAt(sign * middle) <= deficit ? low : high) = middle;
  }
  return low;
}

// What every batch must be, whatever its distribution. Marks the places of its
// prompts among the eligible ones in `in_batch`.
void CheckBatch(const Selection& selection, const Objective& objective,
                const std::vector<uint32_t>& eligible, uint32_t batch,
                std::vector<char>& in_batch) {
  if (selection.picks.size() != batch) FAIL("a batch is not full");
  double last = 0;
  for (const Pick& pick : selection.picks) {
    const auto found =
        std::lower_bound(eligible.begin(), eligible.end(), pick.prompt);
    const auto place = static_cast<size_t>(found - eligible.begin());
    if (found == eligible.end() || *found != pick.prompt || in_batch[place]) {
      FAIL("prompt " << pick.prompt << " is dealt twice or not eligible");
    }
    in_batch[place] = 1;
    const double deficit = objective.Deficit(pick.estimate);
    if (deficit < last) FAIL("a batch is not in order of deficit");
    last = deficit;
  }
}

}  // namespace

ProofState FreshState(uint32_t size) {
  ProofState state;
  for (uint32_t i = 0; i < size; ++i) state.eligible.push_back(i);
  state.population = MakePopulation(std::vector<Evidence>(size));
  return state;
}

ProofState TrainedState(uint32_t size, uint32_t batch, uint32_t steps) {
  const TopSelector selector(std::make_unique<ThompsonEstimator>(),
                             Objective(ObjectiveKind::kInformationGain));
  std::vector<Evidence> trained(size);
  for (uint32_t step = 0; step < steps; ++step) {
    const Population population = MakePopulation(trained);
    const Selection selection =
        selector.Select(InputOf(population, batch, 61, step));
    for (Evidence& evidence : trained) {
      evidence = Fade(evidence, 0, 2, 0.999);
    }
    for (const Pick& pick : selection.picks) {
      const double pass_rate = (pick.prompt % 100 + 0.5) / 100;
      RandomStream random(62, step, pick.prompt, Purpose::kDraw);
      uint32_t successes = 0;
      for (uint32_t i = 0; i < kGroupSize; ++i) {
        if (random.UniformDouble() < pass_rate) ++successes;
      }
      Evidence& evidence = trained[pick.prompt];
      evidence = Observe(evidence, successes, kGroupSize - successes, 0.2);
    }
  }
  ProofState state;
  state.population = MakePopulation(trained);
  for (uint32_t i = 0; i < size; ++i) {
    state.population.SetFree(i, i % 10 != 3);
    if (i % 10 != 3) state.eligible.push_back(i);
  }
  return state;
}

ProofRecord RecordSelections(const Selector& selector,
                             const Objective& objective,
                             const ProofState& state, uint32_t batch,
                             uint64_t calls, uint64_t seed) {
  const size_t size = state.eligible.size();
  ProofRecord record;
  record.batch = batch;
  record.calls = calls;
  record.dealt.resize(size);
  record.dealt_together.resize(size / 2);
  std::vector<char> in_batch;
  SelectionInput input = InputOf(state.population, batch, seed, 0);
  for (uint64_t call = 0; call < calls; ++call) {
    input.sequence = call;
    const Selection selection = selector.Select(input);
    in_batch.assign(size, 0);
    CheckBatch(selection, objective, state.eligible, batch, in_batch);
    for (size_t i = 0; i < size; ++i) record.dealt[i] += in_batch[i];
    for (size_t i = 0; i < size / 2; ++i) {
      record.dealt_together[i] += in_batch[2 * i] & in_batch[2 * i + 1];
    }
    const auto deficit = [&](size_t rank) {
      return objective.Deficit(selection.picks[rank].estimate);
    };
    record.first_deficits.push_back(deficit(0));
    record.middle_deficits.push_back(deficit(batch / 2));
    record.last_deficits.push_back(deficit(batch - 1));
    record.middle_estimates.push_back(selection.picks[batch / 2].estimate);
  }
  return record;
}

double ProofResult::Combined() const {
  return CombinedP({dealt_p, dealt_together_p, first_deficit_p,
                    middle_deficit_p, last_deficit_p, middle_estimate_p});
}

std::string ProofResult::ToString() const {
  std::ostringstream text;
  text << "p: dealt " << dealt_p << ", dealt together " << dealt_together_p
       << ", deficit of the 1st " << first_deficit_p << ", B/2-th "
       << middle_deficit_p << ", B-th " << last_deficit_p
       << ", pass rate of the B/2-th " << middle_estimate_p;
  return text.str();
}

ProofResult CompareRecords(const ProofRecord& a, const ProofRecord& b) {
  ProofResult result;
  // Every batch has as many prompts, which binds the first counts.
  result.dealt_p = TwoSampleCountsP(a.dealt, b.dealt, a.calls, 1);
  result.dealt_together_p =
      TwoSampleCountsP(a.dealt_together, b.dealt_together, a.calls, 0);
  result.first_deficit_p =
      TwoSampleKolmogorovSmirnovP(a.first_deficits, b.first_deficits);
  result.middle_deficit_p =
      TwoSampleKolmogorovSmirnovP(a.middle_deficits, b.middle_deficits);
  result.last_deficit_p =
      TwoSampleKolmogorovSmirnovP(a.last_deficits, b.last_deficits);
  result.middle_estimate_p =
      TwoSampleKolmogorovSmirnovP(a.middle_estimates, b.middle_estimates);
  return result;
}

double CoveredLengthP(const ProofRecord& record, const Objective& objective,
                      uint32_t size) {
  const boost::math::beta_distribution<> law(record.batch,
                                             size - record.batch + 1);
  std::vector<double> lengths;
  for (const double deficit : record.last_deficits) {
    lengths.push_back(CoveredLength(objective, deficit));
  }
  return KolmogorovSmirnovP(lengths,
                            [&](double x) { return boost::math::cdf(law, x); });
}

double CoveredLength(const Objective& objective, double deficit) {
  return Reach(objective, deficit, -1, objective.mode()) +
         Reach(objective, deficit, 1, 1 - objective.mode());
}

}  // namespace vade::sampling
