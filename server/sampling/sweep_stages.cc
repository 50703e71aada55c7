#include "server/sampling/sweep_stages.h"

#include <algorithm>
#include <cmath>

#include "server/sampling/density.h"

namespace vade::sampling {
namespace {

// Lengths of the windows at the ends of the stages.
constexpr double kLengths[] = {0.02, 0.04, 0.08, 0.16};

// Above this the proposals get too dense to pay.
constexpr double kMaxMass = 0.7;

// The next number with few binary digits, so that a run meets few of them.
double RoundUp(double evidence) {
  constexpr int kDigits = 5;
  int exponent = 0;
  const double fraction = std::frexp(std::max(evidence, 1.0), &exponent);
  return std::ldexp(std::ceil(std::ldexp(fraction, kDigits)),
                    exponent - kDigits);
}

}  // namespace

SweepStages::SweepStages(Objective objective, const Kernels& kernels)
    : objective_(objective), kernels_(kernels) {}

const std::vector<SweepStage>& SweepStages::For(double max_evidence) const {
  const double rounded = RoundUp(max_evidence);
  MutexLock lock(mu_);
  auto& stages = stages_[rounded];
  if (stages == nullptr) {
    stages = std::make_unique<const std::vector<SweepStage>>(Make(rounded));
  }
  return *stages;
}

std::vector<SweepStage> SweepStages::Make(double max_evidence) const {
  std::vector<SweepStage> stages;
  for (const double length : kLengths) {
    SweepStage stage;
    stage.deficit = DeficitOfLength(objective_, length);
    stage.window = WindowOf(objective_, stage.deficit);
    const double low = objective_.mode() - stage.window.left;
    const double high = objective_.mode() + stage.window.right;
    // Away from 0 and 1, where MassWithin would lose its precision. The bound
    // of the density has its least value inside, so its greatest at an end.
    if (low < 0.25 * length || high > 1 - 0.25 * length) break;
    stage.density_bound = std::max(DensityBound(kernels_, max_evidence, low),
                                   DensityBound(kernels_, max_evidence, high));
    if (stage.mass_bound() > kMaxMass) break;
    stage.hazard_bound = stage.density_bound / (1 - stage.mass_bound());
    stages.push_back(stage);
  }
  return stages;
}

}  // namespace vade::sampling
