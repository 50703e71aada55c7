#include "server/sampling/sweep.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "server/sampling/density.h"
#include "server/sampling/numeric.h"

namespace vade::sampling {
namespace {

// Proposals made at a time, so that memory is asked for all of them at once.
constexpr size_t kBlock = 64;

// From so many proposals on, their yield foretells the rest.
constexpr uint64_t kTrialProposals = 2048;

// Words 1 of the counters (RandomStream's `prompt`), by what they are for.
constexpr uint32_t kGapStream = 0;
constexpr uint32_t kProposalStream = 1;

// A place that the dominating process has reached.
struct Point {
  double distance;  // from the mode, negative on its left
  double deficit;
  double length;  // of the window so far, or a little more
};

// Standard exponential gaps, one after another.
class Gaps {
 public:
  Gaps(const StreamBase& base, const Kernels& kernels)
      : base_(base), kernels_(kernels) {}

  double Next() {
    if (used_ == gaps_.size()) Refill();
    return gaps_[used_++];
  }

 private:
  static constexpr size_t kBlocks = kBlock / 2;

  void Refill() {
    std::array<uint32_t, kBlocks> blocks;
    std::array<uint32_t, kBlocks> streams;
    std::array<uint64_t, 2 * kBlocks> words;
    for (uint32_t& block : blocks) block = next_block_++;
    streams.fill(kGapStream);
    kernels_.random_words(base_, blocks.data(), streams.data(), kBlocks,
                          words.data(), words.data() + kBlocks);
    kernels_.exponentials(words.data(), words.size(), gaps_.data());
    used_ = 0;
  }

  const StreamBase& base_;
  const Kernels& kernels_;
  uint32_t next_block_ = 0;
  std::array<double, kBlock> gaps_;
  size_t used_ = kBlock;
};

// The points of one stage, in order of deficit: two processes, one on each
// side of the mode, merged.
class StagePoints {
 public:
  // `from`: what was swept before. Points come `rate` to a unit of length.
  StagePoints(const Objective& objective, const Window& from,
              const SweepStage& stage, double rate, Gaps& gaps)
      : objective_(objective),
        stage_(stage),
        spacing_(1 / rate),
        gaps_(gaps),
        left_{-1, from.left, 0},
        right_{1, from.right, 0} {
    Advance(left_);
    Advance(right_);
  }

  // Up to `limit` more; fewer only at the end of the stage.
  size_t Next(size_t limit, Point* points) {
    size_t count = 0;
    while (count < limit) {
      const bool go_left = left_.deficit <= right_.deficit;
      Side& near = go_left ? left_ : right_;
      const Side& far = go_left ? right_ : left_;
      if (near.deficit >= stage_.deficit) break;
      points[count++] = {
          near.sign * near.distance, near.deficit,
          std::min(near.distance + far.distance, stage_.window.length())};
      Advance(near);
    }
    return count;
  }

 private:
  struct Side {
    double sign;
    double distance;  // of the next point
    double deficit;
  };

  void Advance(Side& side) {
    side.distance += gaps_.Next() * spacing_;
    side.deficit = objective_.DeficitAt(side.sign * side.distance);
  }

  const Objective& objective_;
  const SweepStage& stage_;
  const double spacing_;
  Gaps& gaps_;
  Side left_;
  Side right_;
};

// A block of proposals that name a prompt that may be dealt, by column.
struct Proposals {
  size_t count = 0;
  std::array<uint32_t, kBlock> prompts;
  std::array<Point, kBlock> points;
  std::array<double, kBlock> uniforms;
  std::array<double, kBlock> alpha;
  std::array<double, kBlock> beta;
  std::array<double, kBlock> clocks;
  std::array<double, kBlock> rates;
  std::array<double, kBlock> densities;
};

class Sweeper {
 public:
  Sweeper(const SelectionInput& input, const Objective& objective,
          const Kernels& kernels, std::vector<Pick>& picks)
      : input_(input),
        objective_(objective),
        kernels_(kernels),
        picks_(picks),
        base_(input.seed, input.sequence, Purpose::kSweep),
        gaps_(base_, kernels),
        domain_(input.domain()),
        log_decay_(Log(input.unselected_decay)) {
    swept_.taken.reserve(input.count);
  }

  Swept Run(absl::Span<const SweepStage> stages) {
    for (const SweepStage& stage : stages) {
      if (!RunStage(stage)) break;
    }
    return std::move(swept_);
  }

 private:
  // True at the end of the stage, false if the sweep ends before.
  bool RunStage(const SweepStage& stage) {
    StagePoints points(objective_, swept_.window, stage,
                       stage.hazard_bound * static_cast<double>(domain_),
                       gaps_);
    std::array<Point, kBlock> block;
    for (;;) {
      // Few when few are wanted, though most proposals come to nothing.
      const size_t limit =
          std::min<size_t>(kBlock, 8 + 4 * (input_.count - picks_.size()));
      const size_t count = points.Next(limit, block.data());
      if (count == 0) break;
      Propose(block.data(), count);
      Evaluate();
      if (Accept(stage)) return false;
      if (IsSlow()) {
        StopAt(block[count - 1].deficit, stage);
        return false;
      }
    }
    swept_.deficit = stage.deficit;
    swept_.window = stage.window;
    swept_.mass_bound = stage.mass_bound();
    return true;
  }

  void StopAt(double deficit, const SweepStage& stage) {
    swept_.deficit = deficit;
    swept_.window = WindowOf(objective_, deficit);
    swept_.mass_bound = stage.density_bound * swept_.window.length();
  }

  // Gives each point a prompt, and keeps those whose prompt may be dealt.
  void Propose(const Point* points, size_t count) {
    std::array<uint32_t, kBlock> blocks;
    std::array<uint32_t, kBlock> streams;
    std::array<uint64_t, kBlock> places;
    std::array<uint64_t, kBlock> chances;
    std::array<double, kBlock> uniforms;
    const size_t padded = PaddedLength(count);
    for (size_t i = 0; i < padded; ++i) {
      blocks[i] = static_cast<uint32_t>(proposed_ + i);
      streams[i] = kProposalStream;
    }
    kernels_.random_words(base_, blocks.data(), streams.data(), padded,
                          places.data(), chances.data());
    kernels_.uniforms(chances.data(), padded, uniforms.data());
    proposed_ += count;
    proposals_.count = 0;
    for (size_t i = 0; i < count; ++i) {
      const uint32_t prompt = input_.PromptNamed(places[i]);
      if (!input_.IsEligible(prompt)) continue;
      input_.population->Prefetch(prompt);
      const size_t at = proposals_.count++;
      proposals_.prompts[at] = prompt;
      proposals_.points[at] = points[i];
      proposals_.uniforms[at] = uniforms[i];
    }
  }

  // The density of each proposal's posterior at its point.
  void Evaluate() {
    Proposals& p = proposals_;
    const size_t padded = PaddedLength(p.count);
    for (size_t i = 0; i < p.count; ++i) {
      const HotState& hot = input_.population->hot(p.prompts[i]);
      p.alpha[i] = hot.alpha;
      p.beta[i] = hot.beta;
      p.clocks[i] = hot.clock;
      p.rates[i] = objective_.mode() + p.points[i].distance;
    }
    for (size_t i = p.count; i < padded; ++i) {
      p.alpha[i] = p.beta[i] = p.clocks[i] = 0;
      p.rates[i] = 0.5;
    }
    kernels_.fade(input_.clock, log_decay_, p.clocks.data(), padded,
                  p.alpha.data(), p.beta.data());
    kernels_.densities(p.alpha.data(), p.beta.data(), p.rates.data(), padded,
                       p.densities.data());
  }

  // Takes the proposals that are accepted; true once there are enough.
  bool Accept(const SweepStage& stage) {
    for (size_t i = 0; i < proposals_.count; ++i) {
      // A denser one would be taken too rarely and nothing would show it.
      if (proposals_.densities[i] > stage.density_bound) std::abort();
      if (!IsAccepted(i, stage)) continue;
      if (!swept_.taken.insert(proposals_.prompts[i]).second) continue;
      picks_.push_back({proposals_.prompts[i], proposals_.rates[i],
                        objective_.Score(proposals_.rates[i]), 0});
      if (picks_.size() == input_.count) return true;
    }
    return false;
  }

  // With probability density / (S * hazard_bound). S is seldom worth its cost:
  // it is at most 1 and at least 1 - density_bound * (length swept).
  bool IsAccepted(size_t i, const SweepStage& stage) const {
    const double density = proposals_.densities[i];
    const double height = proposals_.uniforms[i] * stage.hazard_bound;
    if (height <= density) return true;
    const Point& point = proposals_.points[i];
    if (height * (1 - stage.density_bound * point.length) > density) {
      return false;
    }
    const Window window = WindowOf(objective_, point.deficit);
    const double mass = MassWithin(
        kernels_, {proposals_.alpha[i], proposals_.beta[i]},
        objective_.mode() - window.left, objective_.mode() + window.right);
    return height * (1 - mass) <= density;
  }

  // Whether looking at every prompt would be cheaper than going on.
  bool IsSlow() const {
    if (proposed_ < kTrialProposals) return false;
    return 4.0 * static_cast<double>(proposed_) * input_.count >
           static_cast<double>(picks_.size()) * static_cast<double>(domain_);
  }

  const SelectionInput& input_;
  const Objective& objective_;
  const Kernels& kernels_;
  std::vector<Pick>& picks_;
  const StreamBase base_;
  Gaps gaps_;
  const uint64_t domain_;
  const double log_decay_;
  uint64_t proposed_ = 0;
  Proposals proposals_;
  Swept swept_;
};

}  // namespace

Swept RunSweep(const SelectionInput& input, const Objective& objective,
               const Kernels& kernels, absl::Span<const SweepStage> stages,
               std::vector<Pick>& picks) {
  return Sweeper(input, objective, kernels, picks).Run(stages);
}

}  // namespace vade::sampling
