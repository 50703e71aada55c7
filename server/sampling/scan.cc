#include "server/sampling/scan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <utility>

#include "server/sampling/best_candidates.h"
#include "server/sampling/density.h"
#include "server/sampling/draw.h"
#include "server/sampling/numeric.h"
#include "server/sampling/window.h"

namespace vade::sampling {
namespace {

// Prompts looked at before the window is made smaller.
constexpr size_t kBlock = 64;

// Each stream's first block.
constexpr std::array<uint32_t, kBlock> kZeros = {};

// The window is made anew when the worst deficit has shrunk to this part: a
// window that is a little too wide is as right.
constexpr double kShrink = 0.95;

// No deficit is above the first, and all are below the second.
constexpr double kGreatestDeficit = 1;
constexpr double kNoDeficit = std::numeric_limits<double>::infinity();

// Prompts from which the worst deficit is guessed: at most so many, and no more
// than this part of all. Below the least number of prompts it does not pay.
constexpr uint64_t kMostPilots = 512;
constexpr uint64_t kPromptsAPilot = 8;
constexpr uint64_t kLeastPrompts = 1024;
// Prompts named to find them, most of which may not be eligible.
constexpr uint32_t kMostNames = 4096;

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

// A draw from the posterior, of those outside what was swept.
double DrawOutside(const Objective& objective, const Swept& swept,
                   Evidence evidence, RandomStream& random) {
  double rate = 0;
  do {
    rate = DrawBeta(evidence, random);
  } while (objective.Deficit(rate) < swept.deficit);
  return rate;
}

class Scanner {
 public:
  Scanner(const SelectionInput& input, const Objective& objective,
          const Kernels& kernels, const Swept& swept, size_t count,
          double bound)
      : input_(input),
        objective_(objective),
        kernels_(kernels),
        swept_(swept),
        base_(input.seed, input.sequence, Purpose::kScan),
        first_base_(input.seed, input.sequence, Purpose::kScanFirst),
        log_decay_(Log(input.unselected_decay)),
        best_(count, {input.seed, input.sequence}, bound) {}

  void Look(absl::Span<const uint32_t> prompts) {
    for (; !prompts.empty();
         prompts.remove_prefix(std::min(kBlock, prompts.size()))) {
      LookAtBlock(prompts.first(std::min(kBlock, prompts.size())));
    }
  }

  std::vector<Candidate> TakeBest() {
    LookCloser();
    return best_.TakeSorted();
  }

 private:
  void LookAtBlock(absl::Span<const uint32_t> prompts) {
    // Either nothing is known to bound the draws, or how much of them.
    if (best_.bound() > kGreatestDeficit || swept_.mass_bound >= 1) {
      for (const uint32_t prompt : prompts) {
        if (!IsTaken(prompt)) OfferDraw(prompt, input_.EvidenceOf(prompt));
      }
      return;
    }
    if (best_.bound() <= kShrink * target_deficit_) {
      LookCloser();
      UpdateTarget();
    }
    LookOver(prompts);
    if (close_count_ >= kBlock) LookCloser();
  }

  bool IsTaken(uint32_t prompt) const {
    return !swept_.taken.empty() && swept_.taken.contains(prompt);
  }

  void UpdateTarget() {
    target_deficit_ = best_.bound();
    target_.outer = WindowOf(objective_, target_deficit_);
    target_.inner = swept_.window;
    target_.length = target_.outer.length() - target_.inner.length();
    low_ = InRange(objective_.mode() - target_.outer.left);
    high_ = InRange(objective_.mode() + target_.outer.right);
    scale_ = kMargin / (1 - swept_.mass_bound);
    window_ = ScanWindow(low_, high_, target_.length, scale_);
  }

  // Rules out, at little cost, nearly all of those whose draw lies outside the
  // target, and puts the others on the list of those to look at closer.
  void LookOver(absl::Span<const uint32_t> prompts) {
    std::array<float, kBlock> alpha;
    std::array<float, kBlock> beta;
    std::array<float, kBlock> gaps;
    const double now = input_.clock - 1;
    for (size_t i = 0; i < prompts.size(); ++i) {
      const HotState& hot = input_.population->hot(prompts[i]);
      alpha[i] = static_cast<float>(hot.alpha);
      beta[i] = static_cast<float>(hot.beta);
      gaps[i] = static_cast<float>(now - hot.clock);
    }
    const size_t padded = PaddedLength(prompts.size(), kFloatStep);
    for (size_t i = prompts.size(); i < padded; ++i) {
      alpha[i] = beta[i] = gaps[i] = 0;
    }
    std::array<float, kBlock> bounds;
    kernels_.chance_bounds(window_, static_cast<float>(log_decay_),
                           alpha.data(), beta.data(), gaps.data(), padded,
                           bounds.data());
    std::array<uint32_t, kBlock> chances;
    FirstBits(prompts, chances.data());
    for (size_t i = 0; i < prompts.size(); ++i) {
      close_prompts_[close_count_] = prompts[i];
      close_chances_[close_count_] = chances[i];
      // The uniform, or a little less of it.
      const float least = static_cast<float>(chances[i] >> 8) * 0x1p-24F;
      close_count_ += least < bounds[i] ? 1 : 0;
    }
  }

  // The first 32 bits of each prompt's chance: words of blocks that four
  // prompts share.
  void FirstBits(absl::Span<const uint32_t> prompts, uint32_t* bits) {
    std::array<uint32_t, kBlock> fours;
    std::array<uint32_t, kBlock> places;
    size_t count = 0;
    fours[0] = prompts[0] / 4;
    for (size_t i = 0; i < prompts.size(); ++i) {
      const uint32_t four = prompts[i] / 4;
      count += four != fours[count] ? 1 : 0;
      fours[count] = four;
      places[i] = static_cast<uint32_t>(count);
    }
    ++count;
    for (size_t i = count; i < PaddedLength(count); ++i) fours[i] = 0;
    std::array<uint64_t, kBlock> words[2];
    kernels_.random_words(first_base_, kZeros.data(), fours.data(),
                          PaddedLength(count), words[0].data(),
                          words[1].data());
    for (size_t i = 0; i < prompts.size(); ++i) {
      const uint64_t word = words[prompts[i] / 2 % 2][places[i]];
      bits[i] = static_cast<uint32_t>(prompts[i] % 2 == 0 ? word : word >> 32);
    }
  }

  // Draws for those on the list whose draw may lie in the target.
  void LookCloser() {
    for (size_t from = 0; from < close_count_; from += kBlock) {
      LookCloserAt(from, std::min(kBlock, close_count_ - from));
    }
    close_count_ = 0;
  }

  void LookCloserAt(size_t from, size_t count) {
    const size_t padded = PaddedLength(count);
    std::array<double, kBlock> alpha;
    std::array<double, kBlock> beta;
    std::array<double, kBlock> clocks;
    std::array<uint32_t, kBlock> prompts;
    std::array<uint64_t, kBlock> chances;
    std::array<uint64_t, kBlock> places;
    std::array<double, kBlock> uniforms;
    std::array<double, kBlock> peaks;
    std::array<double, kBlock> slopes;
    std::array<double, kBlock> densities;
    for (size_t i = 0; i < count; ++i) {
      prompts[i] = close_prompts_[from + i];
      const HotState& hot = input_.population->hot(prompts[i]);
      alpha[i] = hot.alpha;
      beta[i] = hot.beta;
      clocks[i] = hot.clock;
    }
    for (size_t i = count; i < padded; ++i) {
      prompts[i] = 0;
      alpha[i] = beta[i] = clocks[i] = 0;
    }
    kernels_.random_words(base_, kZeros.data(), prompts.data(), padded,
                          chances.data(), places.data());
    for (size_t i = 0; i < count; ++i) {
      chances[i] = chances[i] >> 32 | uint64_t{close_chances_[from + i]} << 32;
    }
    kernels_.fade(input_.clock, log_decay_, clocks.data(), padded, alpha.data(),
                  beta.data());
    kernels_.uniforms(chances.data(), padded, uniforms.data());
    kernels_.peaks(low_, high_, alpha.data(), beta.data(), padded, peaks.data(),
                   slopes.data());
    kernels_.densities(alpha.data(), beta.data(), peaks.data(), padded,
                       densities.data());
    found_ = 0;
    for (size_t i = 0; i < count; ++i) {
      const uint32_t prompt = prompts[i];
      const double steep = std::abs(slopes[i]) * target_.length;
      const double bound =
          densities[i] * scale_ * target_.length / std::max(steep, 1.0);
      if (uniforms[i] >= bound || IsTaken(prompt)) continue;
      if (bound >= 1) {
        OfferDraw(prompt, {alpha[i], beta[i]});
        continue;
      }
      found_prompts_[found_] = prompt;
      found_alpha_[found_] = alpha[i];
      found_beta_[found_] = beta[i];
      found_chances_[found_] = uniforms[i];
      found_edges_[found_] = peaks[i];
      found_slopes_[found_] = steep > 1 ? slopes[i] : 0;
      found_places_[found_++] = places[i];
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

  // Offers an outright draw for a prompt.
  void OfferDraw(uint32_t prompt, Evidence evidence) {
    RandomStream random(input_.seed, input_.sequence, prompt, Purpose::kDraw);
    Offer(prompt, DrawOutside(objective_, swept_, evidence, random));
  }

  void Offer(uint32_t prompt, double rate) {
    best_.Offer({objective_.Deficit(rate), rate, prompt});
  }

  static double InRange(double rate) {
    return std::clamp(rate, kLeastRate, kGreatestRate);
  }
  const SelectionInput& input_;
  const Objective& objective_;
  const Kernels& kernels_;
  const Swept& swept_;
  const StreamBase base_;
  const StreamBase first_base_;
  const double log_decay_;
  BestCandidates best_;
  Target target_;
  ScanWindow window_;
  double target_deficit_ = 2;  // above all
  double low_ = 0;             // ends of the target's outer window
  double high_ = 1;
  double scale_ = 1;

  // Those to look at closer, and the first bits of their chances.
  size_t close_count_ = 0;
  std::array<uint32_t, 2 * kBlock> close_prompts_;
  std::array<uint32_t, 2 * kBlock> close_chances_;
  // Those of them whose draw may lie in the target.
  size_t found_ = 0;
  std::array<uint32_t, kBlock> found_prompts_;
  std::array<double, kBlock> found_alpha_;
  std::array<double, kBlock> found_beta_;
  std::array<double, kBlock> found_chances_;
  std::array<double, kBlock> found_edges_;
  std::array<double, kBlock> found_slopes_;
  std::array<uint64_t, kBlock> found_places_{};
};

// Some of the eligible prompts that were not taken, at random; a prompt may
// come more than once.
std::vector<uint32_t> PilotsOf(const SelectionInput& input,
                               const Kernels& kernels, const Swept& swept) {
  const StreamBase base(input.seed, input.sequence, Purpose::kPilot);
  const uint64_t count =
      std::min(kMostPilots, input.eligible_count / kPromptsAPilot);
  std::vector<uint32_t> pilots;
  pilots.reserve(count);
  std::array<uint32_t, kBlock> places;
  std::array<uint64_t, kBlock> names[2];
  for (uint32_t named = 0; named < kMostNames; named += 2 * kBlock) {
    std::iota(places.begin(), places.end(), named / 2);
    kernels.random_words(base, kZeros.data(), places.data(), kBlock,
                         names[0].data(), names[1].data());
    for (size_t i = 0; i < 2 * kBlock; ++i) {
      const uint32_t prompt = input.PromptNamed(names[i / kBlock][i % kBlock]);
      if (!input.IsEligible(prompt) || swept.taken.contains(prompt)) continue;
      pilots.push_back(prompt);
      if (pilots.size() == count) return pilots;
    }
  }
  return pilots;
}

// A variate of mean 0 and deviation 1 that is nearly normal: the sum of the
// four quarters of a word.
double NearlyNormal(uint64_t word) {
  const uint64_t sum = (word & 0xffff) + (word >> 16 & 0xffff) +
                       (word >> 32 & 0xffff) + (word >> 48);
  return (static_cast<double>(sum) * 0x1p-16 - 2) * 1.7320508075688772;
}

// What Marsaglia and Tsang's method proposes for a gamma variate of the shape
// `evidence` + 1. They accept 95 % and more of it.
double NearlyGamma(double evidence, uint64_t word) {
  const double d = evidence + 2.0 / 3;
  const double root =
      std::max(0.01, 1 + NearlyNormal(word) / (3 * std::sqrt(d)));
  return d * root * root * root;
}

// Appends deficits of nearly the distribution of draws for the pilots from
// `from` on, kBlock of them at most, without those that were swept.
void AppendPilotDeficits(const SelectionInput& input,
                         const Objective& objective, const Kernels& kernels,
                         const Swept& swept, absl::Span<const uint32_t> pilots,
                         size_t from, std::vector<double>& deficits) {
  const StreamBase base(input.seed, input.sequence, Purpose::kPilot);
  const size_t count = std::min(kBlock, pilots.size() - from);
  std::array<uint32_t, kBlock> blocks;
  std::array<uint32_t, kBlock> places;
  std::array<uint64_t, kBlock> words[2];
  std::array<double, kBlock> alpha{};
  std::array<double, kBlock> beta{};
  std::array<double, kBlock> clocks{};
  for (size_t i = 0; i < count; ++i) {
    const HotState& hot = input.population->hot(pilots[from + i]);
    alpha[i] = hot.alpha;
    beta[i] = hot.beta;
    clocks[i] = hot.clock;
  }
  kernels.fade(input.clock, Log(input.unselected_decay), clocks.data(), kBlock,
               alpha.data(), beta.data());
  blocks.fill(1);  // names are of block 0
  std::iota(places.begin(), places.end(), static_cast<uint32_t>(from));
  kernels.random_words(base, blocks.data(), places.data(), kBlock,
                       words[0].data(), words[1].data());
  for (size_t i = 0; i < count; ++i) {
    const double successes = NearlyGamma(alpha[i], words[0][i]);
    const double failures = NearlyGamma(beta[i], words[1][i]);
    const double deficit =
        objective.Deficit(successes / (successes + failures));
    if (deficit >= swept.deficit) deficits.push_back(deficit);
  }
}

}  // namespace

double GuessDeficit(const SelectionInput& input, const Objective& objective,
                    const Kernels& kernels, const Swept& swept,
                    uint64_t wanted) {
  if (input.eligible_count < kLeastPrompts) return kNoDeficit;
  const std::vector<uint32_t> pilots = PilotsOf(input, kernels, swept);
  std::vector<double> deficits;
  deficits.reserve(pilots.size());
  for (size_t from = 0; from < pilots.size(); from += kBlock) {
    AppendPilotDeficits(input, objective, kernels, swept, pilots, from,
                        deficits);
  }
  // How many of these belong to the best has nearly Poisson's distribution:
  // three deviations above its mean are too few some time in a thousand.
  const double expected = static_cast<double>(deficits.size()) *
                          static_cast<double>(wanted) /
                          static_cast<double>(input.eligible_count);
  const auto rank = static_cast<size_t>(expected + 3 * std::sqrt(expected) + 2);
  if (2 * rank >= deficits.size()) return kNoDeficit;
  const auto nth = deficits.begin() + static_cast<ptrdiff_t>(rank);
  std::nth_element(deficits.begin(), nth, deficits.end());
  return *nth;
}

void RunScan(const SelectionInput& input, const Objective& objective,
             const Kernels& kernels, Swept swept, double guess,
             std::vector<Pick>& picks) {
  const uint64_t wanted = std::min<uint64_t>(input.count, input.eligible_count);
  if (picks.size() >= wanted) return;
  for (const double bound : {guess, kNoDeficit}) {
    Scanner scanner(input, objective, kernels, swept, wanted - picks.size(),
                    bound);
    ForEachEligible(input, [&](absl::Span<const uint32_t> prompts) {
      scanner.Look(prompts);
    });
    const std::vector<Candidate> found = scanner.TakeBest();
    for (const Candidate& best : found) {
      picks.push_back(
          {best.prompt, best.estimate, objective.Score(best.estimate), 0});
    }
    if (picks.size() >= wanted) return;
    for (const Candidate& best : found) swept.taken.insert(best.prompt);
    swept.deficit = bound;
    swept.window = WindowOf(objective, bound);
    swept.mass_bound = 1;
  }
}

}  // namespace vade::sampling
