// Kernels: the arithmetic of a selection over many prompts at a time, compiled
// once for each width of the CPU's vectors and chosen when the program runs.
// Every width makes the same IEEE operations on every element in the same
// order, so a selection's bits do not depend on the CPU.
//
// Kernels are immutable and thread-safe. All arrays are of the caller; their
// length `n` is a multiple of kKernelStep, or of kFloatStep where they are of
// floats, what lies beyond the elements that matter being any valid input.
// Arrays need no alignment and may not overlap unless said.
#ifndef VADE_SERVER_SAMPLING_KERNELS_H_
#define VADE_SERVER_SAMPLING_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "server/sampling/random.h"

namespace vade::sampling {

// The widest vector, in doubles and in floats.
inline constexpr size_t kKernelStep = 8;
inline constexpr size_t kFloatStep = 16;

// `count` rounded up to a multiple of `step`. Not inline: what kernels.h has
// inline could be linked as the wide kernels' files compile it.
size_t PaddedLength(size_t count, size_t step = kKernelStep);

// What RandomStream makes of its arguments, without the parts that differ
// between the elements of an array.
struct StreamBase {
  StreamBase(uint64_t seed, uint64_t sequence, Purpose purpose)
      : key{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
        low(static_cast<uint32_t>(sequence)),
        high((static_cast<uint32_t>(sequence >> 32) & 0x00ff'ffff) |
             (static_cast<uint32_t>(purpose) << 24)) {}

  uint32_t key[2];
  uint32_t low;   // counter word 2
  uint32_t high;  // counter word 3
};

// A window of pass rates, [low, high], for Kernels::chance_bounds. An end next
// to 0 or 1, within 1e-6 of it, is left out: no mode lies beyond it then.
struct ScanWindow {
  ScanWindow() : ScanWindow(0, 1, 1, 1) {}
  // `length` of the window counts, and bounds are made `scale` times as large.
  ScanWindow(double low, double high, double length, double scale);

  float low;
  float high;
  float inverse_low;
  float inverse_high;
  float inverse_low_rest;   // 1 / (1 - low)
  float inverse_high_rest;  // 1 / (1 - high)
  float length;
  float scale;
};

struct Kernels {
  const char* name;  // "baseline", "avx2" or "avx512"

  // first[i] and second[i] are the first two RandomStream::Bits() of block
  // blocks[i] of prompt prompts[i].
  void (*random_words)(const StreamBase& base, const uint32_t* blocks,
                       const uint32_t* prompts, size_t n, uint64_t* first,
                       uint64_t* second);

  // RandomStream::UniformDouble() of each word.
  void (*uniforms)(const uint64_t* words, size_t n, double* uniforms);

  // Standard exponential variates: -Log(uniform) of each word.
  void (*exponentials)(const uint64_t* words, size_t n, double* variates);

  // Fade() to `clock` in place. `log_decay` is Log(unselected_decay), at most
  // 0; minus infinity for a decay of 0.
  void (*fade)(double clock, double log_decay, const double* clocks, size_t n,
               double* alpha, double* beta);

  // Where in [low, high], a part of (0, 1), the density of each posterior is
  // greatest: its mode, or the end next to it. And the slope of the density's
  // logarithm there, about 0 at a mode.
  void (*peaks)(double low, double high, const double* alpha,
                const double* beta, size_t n, double* rates, double* slopes);

  // The density of Beta(alpha + 1, beta + 1) at each rate in (0, 1), evidence
  // up to 1e9. Relative error below 1e-12 * (1 + alpha + beta) and, where
  // alpha + beta is large, near 1e-15 times the logarithm's terms; 0 where the
  // density is below 1e-300.
  void (*densities)(const double* alpha, const double* beta,
                    const double* rates, size_t n, double* densities);

  // In single precision, and never less than: the density of each posterior
  // where it is greatest within the window, times scale * length, and divided
  // by the fall of its logarithm along the window's length where that is more
  // than 1 (peaks, densities). As a rule a few per cent above it.
  // The evidence is faded by e^(gap * log_decay) first; gaps are not negative.
  void (*chance_bounds)(const ScanWindow& window, float log_decay,
                        const float* alpha, const float* beta,
                        const float* gaps, size_t n, float* bounds);
};

// The widest that this CPU has.
const Kernels& BestKernels();

// All that this CPU has, narrowest first; for tests.
absl::Span<const Kernels* const> AvailableKernels();

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_KERNELS_H_
