#include "server/sampling/scan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "server/sampling/best_candidates.h"
#include "server/sampling/density.h"
#include "server/sampling/draw.h"
#include "server/sampling/numeric.h"
#include "server/sampling/window.h"

namespace vade::sampling {
namespace {

// Prompts looked at before the window is made smaller.
constexpr size_t kBlock = 64;

// The window is made anew when the worst deficit has shrunk to this part: a
// window that is a little too wide is as right.
constexpr double kShrink = 0.95;

// Densities are asked for within these.
constexpr double kLeastRate = 1e-300;
constexpr double kGreatestRate = 1 - 0x1p-53;

// More than the kernels' error.
constexpr double kMargin = 1 + 1e-9;

// Where draws matter: the window around the mode, without what was swept.
struct Target {
  Window outer;
  Window inner;
  double length = 1;

  double left_length() const { return outer.left - inner.left; }
};

class Scanner {
 public:
  Scanner(const SelectionInput& input, const Objective& objective,
          const Kernels& kernels, const Swept& swept, size_t count)
      : input_(input),
        objective_(objective),
        kernels_(kernels),
        swept_(swept),
        base_(input.seed, input.sequence, Purpose::kScan),
        log_decay_(Log(input.unselected_decay)),
        best_(count) {}

  void Look(absl::Span<const uint32_t> prompts) {
    for (const uint32_t prompt : prompts) {
      if (!swept_.taken.empty() && swept_.taken.contains(prompt)) continue;
      prompts_[count_++] = prompt;
      if (count_ == kBlock) LookAtBlock();
    }
  }

  std::vector<Candidate> TakeBest() {
    if (count_ > 0) LookAtBlock();
    return best_.TakeSorted();
  }

 private:
  void LookAtBlock() {
    LoadEvidence();
    if (best_.full()) {
      UpdateTarget();
      FindCandidates();
    } else {
      for (size_t i = 0; i < count_; ++i) DrawOutside(i);
    }
    count_ = 0;
  }

  void LoadEvidence() {
    for (size_t i = 0; i < count_; ++i) {
      const HotState& hot = input_.population->hot(prompts_[i]);
      alpha_[i] = hot.alpha;
      beta_[i] = hot.beta;
      clocks_[i] = hot.clock;
    }
    for (size_t i = count_; i < PaddedLength(count_); ++i) {
      prompts_[i] = 0;
      alpha_[i] = beta_[i] = clocks_[i] = 0;
    }
    kernels_.fade(input_.clock, log_decay_, clocks_.data(),
                  PaddedLength(count_), alpha_.data(), beta_.data());
  }

  void UpdateTarget() {
    const double worst = best_.worst_deficit();
    if (worst > kShrink * target_deficit_) return;
    target_deficit_ = worst;
    target_.outer = WindowOf(objective_, worst);
    target_.inner = swept_.window;
    target_.length = target_.outer.length() - target_.inner.length();
    low_ = InRange(objective_.mode() - target_.outer.left);
    high_ = InRange(objective_.mode() + target_.outer.right);
  }

  // Draws for those of the block whose draw may lie in the target.
  void FindCandidates() {
    const size_t padded = PaddedLength(count_);
    std::array<uint32_t, kBlock> blocks{};
    std::array<uint64_t, kBlock> chances;
    std::array<uint64_t, kBlock> places;
    std::array<double, kBlock> uniforms;
    std::array<double, kBlock> peaks;
    std::array<double, kBlock> slopes;
    std::array<double, kBlock> densities;
    kernels_.random_words(base_, blocks.data(), prompts_.data(), padded,
                          chances.data(), places.data());
    kernels_.uniforms(chances.data(), padded, uniforms.data());
    kernels_.peaks(low_, high_, alpha_.data(), beta_.data(), padded,
                   peaks.data(), slopes.data());
    kernels_.densities(alpha_.data(), beta_.data(), peaks.data(), padded,
                       densities.data());
    const double scale = kMargin / (1 - swept_.mass_bound);
    found_ = 0;
    for (size_t i = 0; i < count_; ++i) {
      const double steep = std::abs(slopes[i]) * target_.length;
      const double bound =
          densities[i] * scale * target_.length / std::max(steep, 1.0);
      if (bound >= 1) {
        DrawOutside(i);
      } else if (uniforms[i] < bound) {
        found_prompts_[found_] = prompts_[i];
        found_alpha_[found_] = alpha_[i];
        found_beta_[found_] = beta_[i];
        found_chances_[found_] = uniforms[i];
        found_edges_[found_] = peaks[i];
        found_slopes_[found_] = steep > 1 ? slopes[i] : 0;
        found_places_[found_++] = places[i];
      }
    }
    if (found_ > 0) OfferFound();
  }

  void OfferFound() {
    const size_t padded = PaddedLength(found_);
    std::array<double, kBlock> uniforms;
    std::array<double, kBlock> gaps;
    std::array<double, kBlock> rates;
    std::array<double, kBlock> densities;
    for (size_t i = found_; i < padded; ++i) {
      found_alpha_[i] = found_beta_[i] = found_slopes_[i] = 0;
      found_places_[i] = 0;
    }
    kernels_.uniforms(found_places_.data(), padded, uniforms.data());
    kernels_.exponentials(found_places_.data(), padded, gaps.data());
    for (size_t i = 0; i < padded; ++i) {
      const double slope = found_slopes_[i];
      rates[i] = InRange(slope == 0 ? RateAt(uniforms[i])
                                    : found_edges_[i] - gaps[i] / slope);
    }
    kernels_.densities(found_alpha_.data(), found_beta_.data(), rates.data(),
                       padded, densities.data());
    for (size_t i = 0; i < found_; ++i) {
      const double slope = found_slopes_[i];
      if (slope != 0 && !IsInTarget(rates[i])) continue;
      // The density of the proposal is 1 / length, or |slope| e^-gap.
      const double mass =
          densities[i] *
          (slope == 0 ? target_.length : 1 / (std::abs(slope) * uniforms[i]));
      const double chance = found_chances_[i];
      // The probability of a draw outside what was swept, S, is not needed
      // where 1 or its least value decide.
      if (chance * (1 - swept_.mass_bound) > mass) continue;
      if (chance > mass && chance * Outside(i) > mass) continue;
      Offer(found_prompts_[i], rates[i]);
    }
  }

  bool IsInTarget(double rate) const {
    return rate >= low_ && rate <= high_ &&
           objective_.Deficit(rate) >= swept_.deficit;
  }

  // S for found prompt i.
  double Outside(size_t i) const {
    if (swept_.window.length() == 0) return 1;
    return 1 - MassWithin(kernels_, {found_alpha_[i], found_beta_[i]},
                          objective_.mode() - swept_.window.left,
                          objective_.mode() + swept_.window.right);
  }

  // The rate at a place in [0, 1] of the target, swept parts left out.
  double RateAt(double place) const {
    const double along = place * target_.length - target_.left_length();
    const double distance =
        along < 0 ? along - target_.inner.left : along + target_.inner.right;
    return objective_.mode() + distance;
  }

  // An outright draw for prompt i of the block.
  void DrawOutside(size_t i) {
    RandomStream random(input_.seed, input_.sequence, prompts_[i],
                        Purpose::kDraw);
    double rate = 0;
    do {
      rate = DrawBeta({alpha_[i], beta_[i]}, random);
    } while (objective_.Deficit(rate) < swept_.deficit);
    Offer(prompts_[i], rate);
  }

  void Offer(uint32_t prompt, double rate) {
    const double deficit = objective_.Deficit(rate);
    if (!best_.MayEnter(deficit)) return;
    best_.Offer({deficit, TieBreak(input_.seed, input_.sequence, prompt),
                 prompt, rate});
  }

  static double InRange(double rate) {
    return std::clamp(rate, kLeastRate, kGreatestRate);
  }
  const SelectionInput& input_;
  const Objective& objective_;
  const Kernels& kernels_;
  const Swept& swept_;
  const StreamBase base_;
  const double log_decay_;
  BestCandidates best_;
  Target target_;
  double target_deficit_ = 2;  // above all
  double low_ = 0;             // ends of the target's outer window
  double high_ = 1;

  // The block of prompts, by column.
  size_t count_ = 0;
  std::array<uint32_t, kBlock> prompts_;
  std::array<double, kBlock> alpha_;
  std::array<double, kBlock> beta_;
  std::array<double, kBlock> clocks_;
  // Those of it whose draw may lie in the target.
  size_t found_ = 0;
  std::array<uint32_t, kBlock> found_prompts_;
  std::array<double, kBlock> found_alpha_;
  std::array<double, kBlock> found_beta_;
  std::array<double, kBlock> found_chances_;
  std::array<double, kBlock> found_edges_;
  std::array<double, kBlock> found_slopes_;
  std::array<uint64_t, kBlock> found_places_{};
};

}  // namespace

void RunScan(const SelectionInput& input, const Objective& objective,
             const Kernels& kernels, const Swept& swept,
             std::vector<Pick>& picks) {
  const uint64_t wanted = std::min<uint64_t>(input.count, input.eligible_count);
  if (picks.size() >= wanted) return;
  Scanner scanner(input, objective, kernels, swept, wanted - picks.size());
  ForEachEligible(input, [&](absl::Span<const uint32_t> prompts) {
    scanner.Look(prompts);
  });
  for (const Candidate& best : scanner.TakeBest()) {
    picks.push_back(
        {best.prompt, best.estimate, objective.Score(best.estimate), 0});
  }
}

}  // namespace vade::sampling
