// Random numbers that replay. The generator is Philox4x32-10 (Salmon, Moraes,
// Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011), a
// function from (key, counter) to 128 bits. A counter names exactly what its
// bits are for, so a draw does not depend on which draws were made before it
// or on which thread makes it.
//
// Everything here is stable forever: a change of one bit breaks the replay of
// every stored run. README.md defines it in full; golden values are a test.
#ifndef VADE_SERVER_SAMPLING_RANDOM_H_
#define VADE_SERVER_SAMPLING_RANDOM_H_

#include <array>
#include <cstdint>

namespace vade::sampling {

using PhiloxCounter = std::array<uint32_t, 4>;
using PhiloxKey = std::array<uint32_t, 2>;

// Philox4x32 with ten rounds, as in the Random123 library. Pure, thread-safe.
inline PhiloxCounter Philox(PhiloxCounter counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{0xD2511F53} * counter[0];
    const uint64_t product1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
               static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
               static_cast<uint32_t>(product0)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

// What random bits are for. Part of the counter: numbers never change meaning.
enum class Purpose : uint32_t {
  kDraw = 0,       // A prompt's pass rate, drawn from its posterior.
  kTieBreak = 1,   // The order of prompts of equal score.
  kShuffle = 2,    // The order of a pass; `sequence` is the pass.
  kSweep = 3,      // The points of a sweep; `prompt` tells their kinds apart.
  kScan = 4,       // Whether a draw lies in the window, and where.
  kScanFirst = 5,  // The first 32 bits of whether, four prompts a block.
  kPilot = 6,      // Some prompts at random, and about what they draw.
};

// An endless sequence of random numbers, named by its constructor's arguments:
// equal arguments give an equal sequence, different ones independent ones.
// Cheap to construct. Thread-compatible.
class RandomStream {
 public:
  // `seed` is the run's, `sequence` the batch's (its low 56 bits count),
  // `prompt` the prompt's index in the run.
  RandomStream(uint64_t seed, uint64_t sequence, uint32_t prompt,
               Purpose purpose)
      : key_{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
        counter_{0, prompt, static_cast<uint32_t>(sequence),
                 (static_cast<uint32_t>(sequence >> 32) & 0x00ff'ffff) |
                     (static_cast<uint32_t>(purpose) << 24)} {}

  // 64 uniform bits.
  uint64_t Bits() {
    if (has_high_half_) {
      has_high_half_ = false;
      return high_half_;
    }
    const PhiloxCounter block = Philox(counter_, key_);
    ++counter_[0];
    high_half_ = (uint64_t{block[3]} << 32) | block[2];
    has_high_half_ = true;
    return (uint64_t{block[1]} << 32) | block[0];
  }

  // Uniform on the 2^52 odd multiples of 2^-53 in (0, 1): never 0 or 1, and
  // symmetric about 1/2.
  double UniformDouble() {
    return (static_cast<double>(Bits() >> 12) + 0.5) * 0x1p-52;
  }

  // Standard normal, by Marsaglia's polar method. The method makes two at a
  // time; the second is kept for the next call.
  double Normal();

 private:
  const PhiloxKey key_;
  PhiloxCounter counter_;
  bool has_high_half_ = false;
  bool has_normal_ = false;
  uint64_t high_half_ = 0;
  double normal_ = 0;
};

// One of the places from 0 to size - 1, named by 64 random bits; all as likely,
// to within 2^-32. Pure, thread-safe.
inline uint64_t RandomPlace(uint64_t bits, uint64_t size) {
  return static_cast<uint64_t>((static_cast<unsigned __int128>(bits) * size) >>
                               64);
}

// Orders prompts of equal score: of two, the lower key comes first. A pure
// function of its arguments, so that no prompt is favoured by its index.
inline uint64_t TieBreak(uint64_t seed, uint64_t sequence, uint32_t prompt) {
  return RandomStream(seed, sequence, prompt, Purpose::kTieBreak).Bits();
}

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_RANDOM_H_
