// The one source of all Kernels (kernels.h). A file that is compiled for one
// kind of CPU defines VADE_LANES, the doubles of one of its vectors, and
// includes this. Nothing here may be seen by the linker or be shared with
// another file: the compiler may use instructions that other CPUs do not have.
// So everything has internal linkage and no inline function of a library is
// called.
//
// The vectors are the compiler's own (GCC and clang), so that the expressions
// are the definition, as in numeric.h, whose methods these are.
#ifndef VADE_SERVER_SAMPLING_LANE_KERNELS_H_
#define VADE_SERVER_SAMPLING_LANE_KERNELS_H_

#ifndef VADE_LANES
#error "Define VADE_LANES."
#endif

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <cstddef>
#include <cstdint>

#include "server/sampling/kernels.h"

namespace vade::sampling {
namespace {

inline constexpr size_t kLanes = VADE_LANES;
static_assert(kKernelStep % kLanes == 0);

using Doubles = double __attribute__((vector_size(8 * kLanes)));
using Words = uint64_t __attribute__((vector_size(8 * kLanes)));
using HalfWords = uint32_t __attribute__((vector_size(4 * kLanes)));
using Mask = int64_t __attribute__((vector_size(8 * kLanes)));

// Of the same size, in single precision.
inline constexpr size_t kFloatLanes = 2 * kLanes;
static_assert(kFloatStep % kFloatLanes == 0);

using Floats = float __attribute__((vector_size(8 * kLanes)));
using FloatWords = uint32_t __attribute__((vector_size(8 * kLanes)));
using FloatMask = int32_t __attribute__((vector_size(8 * kLanes)));

inline Doubles Load(const double* from) {
  Doubles value;
  __builtin_memcpy(&value, from, sizeof(value));
  return value;
}

inline Words Load(const uint64_t* from) {
  Words value;
  __builtin_memcpy(&value, from, sizeof(value));
  return value;
}

inline Words Load(const uint32_t* from) {
  HalfWords value;
  __builtin_memcpy(&value, from, sizeof(value));
  return __builtin_convertvector(value, Words);
}

inline void Store(Doubles value, double* to) {
  __builtin_memcpy(to, &value, sizeof(value));
}

inline void Store(Words value, uint64_t* to) {
  __builtin_memcpy(to, &value, sizeof(value));
}

inline Doubles ToDoubles(Words bits) {
  return __builtin_bit_cast(Doubles, bits);
}

inline Words ToBits(Doubles value) { return __builtin_bit_cast(Words, value); }

inline Doubles Select(Mask where, Doubles yes, Doubles no) {
  return where ? yes : no;
}

inline Doubles SquareRoot(Doubles x) {
#if defined(__AVX512F__) && VADE_LANES == 8
  return __builtin_bit_cast(
      Doubles, _mm512_maskz_sqrt_pd(0xff, __builtin_bit_cast(__m512d, x)));
#elif defined(__AVX2__) && VADE_LANES == 4
  return __builtin_bit_cast(Doubles,
                            _mm256_sqrt_pd(__builtin_bit_cast(__m256d, x)));
#else
  for (size_t i = 0; i < kLanes; ++i) x[i] = __builtin_sqrt(x[i]);
  return x;
#endif
}

// 64-bit products of the low 32 bits.
inline Words Multiply32(Words a, uint32_t b) {
#if defined(__AVX512F__) && VADE_LANES == 8
  // The form with a mask: GCC 12 warns of the other one's own definition.
  const __m512i product = _mm512_maskz_mul_epu32(
      0xff, __builtin_bit_cast(__m512i, a), _mm512_set1_epi64(b));
  return __builtin_bit_cast(Words, product);
#elif defined(__AVX2__) && VADE_LANES == 4
  const __m256i product =
      _mm256_mul_epu32(__builtin_bit_cast(__m256i, a), _mm256_set1_epi64x(b));
  return __builtin_bit_cast(Words, product);
#elif defined(__SSE2__) && VADE_LANES == 2
  const __m128i product =
      _mm_mul_epu32(__builtin_bit_cast(__m128i, a), _mm_set1_epi64x(b));
  return __builtin_bit_cast(Words, product);
#else
  return (a & 0xffff'ffff) * uint64_t{b};
#endif
}

// An integer below 2^52 as a double, exactly.
inline Doubles FromSmallInteger(Words value) {
  return ToDoubles(value | 0x4330'0000'0000'0000) - 0x1p52;
}

inline Doubles Uniform(Words bits) {
  return (FromSmallInteger(bits >> 12) + 0.5) * 0x1p-52;
}

// numeric.h's Log for positive normal numbers, bit for bit.
inline Doubles LogOf(Doubles x) {
  constexpr uint64_t kSqrtHalf = 0x3fe6'a09e'667f'3bcd;
  const Words bits = ToBits(x);
  const Words above = bits - kSqrtHalf;
  // Biased, so that no negative number has to be converted.
  const Doubles exponent =
      FromSmallInteger((above + 0x3ff0'0000'0000'0000) >> 52) - 1023.0;
  const Doubles f = ToDoubles(bits - (above & 0xfff0'0000'0000'0000)) - 1.0;
  const Doubles s = f / (2.0 + f);
  const Doubles z = s * s;
  const Doubles w = z * z;
  const Doubles odd =
      2.0 / 3 +
      w * (2.0 / 7 + w * (2.0 / 11 + w * (2.0 / 15 + w * (2.0 / 19))));
  const Doubles even =
      2.0 / 5 +
      w * (2.0 / 9 + w * (2.0 / 13 + w * (2.0 / 17 + w * (2.0 / 21))));
  const Doubles series = z * odd + w * even;
  const Doubles half_square = 0.5 * f * f;
  return exponent * 0x1.62e42fee00000p-1 -
         ((half_square -
           (s * (half_square + series) + exponent * 0x1.a39ef35793c76p-33)) -
          f);
}

// numeric.h's Exp for x below 700; 0 below -700.
inline Doubles ExpOf(Doubles x) {
  const Doubles bounded = Select(x > -700.0, x, Doubles{} - 700.0);
  // Adding 1.5 * 2^52 rounds to an integer, which the low bits then hold.
  const Doubles shifted = bounded * 0x1.71547652b82fep+0 + 0x1.8p52;
  const Doubles exponent = shifted - 0x1.8p52;
  const Doubles high = bounded - exponent * 0x1.62e42fee00000p-1;
  const Doubles low = exponent * 0x1.a39ef35793c76p-33;
  const Doubles r = high - low;
  const Doubles z = r * r;
  const Doubles even =
      1.0 / 2 +
      z * (1.0 / 24 +
           z * (1.0 / 720 + z * (1.0 / 40320 +
                                 z * (1.0 / 3628800 + z * (1.0 / 479001600)))));
  const Doubles odd =
      1.0 / 6 +
      z * (1.0 / 120 + z * (1.0 / 5040 + z * (1.0 / 362880 +
                                              z * (1.0 / 39916800 +
                                                   z * (1.0 / 6227020800.0)))));
  const Doubles power = 1.0 + (high + (z * (even + r * odd) - low));
  const Doubles scale = ToDoubles((ToBits(shifted) + 1023) << 52);
  return Select(x > -700.0, power * scale, Doubles{});
}

inline Floats LoadFloats(const float* from) {
  Floats value;
  __builtin_memcpy(&value, from, sizeof(value));
  return value;
}

inline Floats SelectFloats(FloatMask where, Floats yes, Floats no) {
  return where ? yes : no;
}

inline Floats AtLeast(Floats x, float least) {
  return SelectFloats(x > least, x, Floats{} + least);
}

inline Floats SquareRootOfFloats(Floats x) {
#if defined(__AVX512F__) && VADE_LANES == 8
  return __builtin_bit_cast(
      Floats, _mm512_maskz_sqrt_ps(0xffff, __builtin_bit_cast(__m512, x)));
#elif defined(__AVX2__) && VADE_LANES == 4
  return __builtin_bit_cast(Floats,
                            _mm256_sqrt_ps(__builtin_bit_cast(__m256, x)));
#else
  for (size_t i = 0; i < kFloatLanes; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
#endif
}

// e^x for x in [-80, 80]; relative error below 1e-5.
inline Floats ExpOfFloats(Floats x) {
  // Adding 1.5 * 2^23 rounds to an integer, which the low bits then hold.
  const Floats shifted = x * 0x1.715476p+0F + 0x1.8p23F;
  const Floats r = x - (shifted - 0x1.8p23F) * 0x1.62e430p-1F;
  const Floats power =
      1.0F +
      r * (1.0F +
           r * (1.0F / 2 +
                r * (1.0F / 6 +
                     r * (1.0F / 24 + r * (1.0F / 120 + r * (1.0F / 720))))));
  const Floats scale = __builtin_bit_cast(
      Floats, (__builtin_bit_cast(FloatWords, shifted) + 127) << 23);
  return power * scale;
}

inline void RandomWords(const StreamBase& base, const uint32_t* blocks,
                        const uint32_t* prompts, size_t n, uint64_t* first,
                        uint64_t* second) {
  constexpr int kRounds = 10;
  Words keys[kRounds][2];
  for (uint32_t round = 0; round < kRounds; ++round) {
    keys[round][0] = Words{} + (base.key[0] + round * 0x9E3779B9);
    keys[round][1] = Words{} + (base.key[1] + round * 0xBB67AE85);
  }
  for (size_t i = 0; i < n; i += kLanes) {
    Words c0 = Load(blocks + i);
    Words c1 = Load(prompts + i);
    Words c2 = Words{} + base.low;
    Words c3 = Words{} + base.high;
    for (const auto& key : keys) {
      const Words product0 = Multiply32(c0, 0xD2511F53);
      const Words product1 = Multiply32(c2, 0xCD9E8D57);
      c0 = (product1 >> 32) ^ c1 ^ key[0];
      c1 = product1 & 0xffff'ffff;
      c2 = (product0 >> 32) ^ c3 ^ key[1];
      c3 = product0 & 0xffff'ffff;
    }
    Store((c1 << 32) | c0, first + i);
    Store((c3 << 32) | c2, second + i);
  }
}

inline void Uniforms(const uint64_t* words, size_t n, double* uniforms) {
  for (size_t i = 0; i < n; i += kLanes) {
    Store(Uniform(Load(words + i)), uniforms + i);
  }
}

inline void Exponentials(const uint64_t* words, size_t n, double* variates) {
  for (size_t i = 0; i < n; i += kLanes) {
    Store(-LogOf(Uniform(Load(words + i))), variates + i);
  }
}

inline void FadeAll(double clock, double log_decay, const double* clocks,
                    size_t n, double* alpha, double* beta) {
  // Finite, so that no product is NaN; Exp makes 0 of it all the same.
  const double slope = log_decay > -1e300 ? log_decay : -1e300;
  for (size_t i = 0; i < n; i += kLanes) {
    const Doubles gap = clock - 1 - Load(clocks + i);
    const Doubles factor = ExpOf(Select(gap > 0.0, gap * slope, Doubles{}));
    Store(Load(alpha + i) * factor, alpha + i);
    Store(Load(beta + i) * factor, beta + i);
  }
}

inline void Peaks(double low, double high, const double* alpha,
                  const double* beta, size_t n, double* rates, double* slopes) {
  for (size_t i = 0; i < n; i += kLanes) {
    const Doubles a = Load(alpha + i);
    const Doubles b = Load(beta + i);
    const Doubles total = a + b;
    // Any place is as good as another for a flat posterior.
    const Doubles mode = a / Select(total > 0.0, total, Doubles{} + 1.0);
    Doubles rate = Select(mode < low, Doubles{} + low, mode);
    rate = Select(mode > high, Doubles{} + high, rate);
    Store(rate, rates + i);
    Store((a - total * rate) / (rate * (1.0 - rate)), slopes + i);
  }
}

// z (z + 1) ... (z + 5).
inline Doubles RisingProduct(Doubles z) {
  return (z * (z + 5.0)) * ((z + 1.0) * (z + 4.0)) * ((z + 2.0) * (z + 3.0));
}

// Stirling's series less its leading terms: the logarithm of the gamma function
// of x is (x - 1/2) log x - x + log(2 pi) / 2 + StirlingRest(1 / x). Error
// below 1e-13 for x >= 7 (Abramowitz and Stegun, 6.1.40).
inline Doubles StirlingRest(Doubles y) {
  const Doubles z = y * y;
  return y *
         (1.0 / 12 - z * (1.0 / 360 -
                          z * (1.0 / 1260 -
                               z * (1.0 / 1680 -
                                    z * (1.0 / 1188 - z * (691.0 / 360360))))));
}

// With a = alpha + 7, b = beta + 7 and c = alpha + beta + 8, where Stirling's
// series is good for all three gamma functions of the density, six steps up:
// all powers of a, b and c but those of the evidence itself come to one factor
// without a logarithm.
inline void Densities(const double* alpha, const double* beta,
                      const double* rates, size_t n, double* densities) {
  constexpr double kConstant = 6 - 0.91893853320467274178;  // less log(2 pi)/2
  for (size_t i = 0; i < n; i += kLanes) {
    const Doubles x = Load(alpha + i);
    const Doubles y = Load(beta + i);
    const Doubles p = Load(rates + i);
    const Doubles a = x + 7.0;
    const Doubles b = y + 7.0;
    const Doubles c = x + y + 8.0;
    // One division for the three reciprocals.
    const Doubles inverse = 1.0 / (a * b * c);
    const Doubles ratio = c * c * inverse;  // c / (a b)
    const Doubles square = ratio * ratio;
    const Doubles factor = RisingProduct(x + 1.0) * RisingProduct(y + 1.0) *
                           (square * square * square) * c * SquareRoot(ratio) /
                           RisingProduct(x + y + 2.0);
    const Doubles rest = StirlingRest(b * c * inverse) +
                         StirlingRest(a * c * inverse) -
                         StirlingRest(a * b * inverse);
    const Doubles exponent = x * LogOf(p * (b * ratio)) +
                             y * LogOf((1.0 - p) * (a * ratio)) +
                             (kConstant - rest);
    Store(factor * ExpOf(exponent), densities + i);
  }
}

// The density of evidence (a, b), n = a + b, at its mode m = a / n is
// (n + 1) S(n) / (S(a) S(b)) where S(x) = x! / (x^x e^-x), and at p it is that
// times (m / p)^-a ((1 - m) / (1 - p))^-b. S(x)^2 lies between 2 pi x + 1 and
// 2 pi x + 1.14. Of the two ratios one, y, is above 1, the other, s^2, below:
//   log y >= 3 (y^2 - 1) / (y^2 + 4 y + 1),
//   log s >= -(1 - s) (1 + 5 s) / (2 s (2 + s)),
// which differ from it by less than (y - 1)^5 and (1 / s - 1)^4. What single
// precision may get wrong grows with n, and so does what is allowed for it.
inline void ChanceBounds(const ScanWindow& window, float log_decay,
                         const float* alpha, const float* beta,
                         const float* gaps, size_t n, float* bounds) {
  constexpr float kTwoPi = 0x1.921fb6p+2F;
  constexpr float kError = 0x1p-20F;
  constexpr float kSlack = 1.001F;
  constexpr float kGreatestEvidence = 1e6F;
  const float slope =
      log_decay > -kGreatestEvidence ? log_decay : -kGreatestEvidence;
  const Floats one = Floats{} + 1.0F;
  for (size_t i = 0; i < n; i += kFloatLanes) {
    const Floats gap = AtLeast(LoadFloats(gaps + i), 0.0F);
    const Floats factor = ExpOfFloats(AtLeast(gap * slope, -80.0F));
    const Floats a = LoadFloats(alpha + i) * factor;
    const Floats b = LoadFloats(beta + i) * factor;
    const Floats total = a + b;
    const Floats inverse = 1.0F / AtLeast(total, 1e-30F);
    const Floats mode = a * inverse;
    const FloatMask below = mode < window.low;
    const FloatMask outside = below | (mode > window.high);
    // By the edge next to the mode: it, as far as it is from 0 or 1 on the
    // mode's side, and 1 over it and over the rest.
    const Floats edge = SelectFloats(below, Floats{} + window.low,
                                     Floats{} + (1.0F - window.high));
    const Floats inverse_edge =
        SelectFloats(below, Floats{} + window.inverse_low,
                     Floats{} + window.inverse_high_rest);
    const Floats inverse_rest =
        SelectFloats(below, Floats{} + window.inverse_low_rest,
                     Floats{} + window.inverse_high);
    const Floats near_part = SelectFloats(below, a, b);
    const Floats far_part = SelectFloats(below, b, a);
    const Floats x = near_part * inverse * inverse_edge;
    const Floats y = far_part * inverse * inverse_rest;
    const Floats s = SquareRootOfFloats(x);
    const Floats s_divisor = 2.0F + s;
    const Floats y_divisor = y * (y + 4.0F) + 1.0F;
    const Floats fall =
        (far_part * 3.0F * (y * y - 1.0F) * s_divisor -
         total * edge * s * (1.0F - s) * (1.0F + 5.0F * s) * y_divisor) /
        (s_divisor * y_divisor);
    // How far the logarithm's tangent at the edge falls within the window.
    const Floats steep =
        total * (1.0F - kError - x) * inverse_rest * window.length;
    const Floats divisor = SelectFloats(outside, AtLeast(steep, 1.0F), one);
    const Floats exponent =
        kError * total - SelectFloats(outside, fall, Floats{});
    const Floats peak = SquareRootOfFloats(
        (kTwoPi * total + 1.14F) /
        ((kTwoPi * a + 1.0F) * (kTwoPi * b + 1.0F) * (divisor * divisor)));
    const Floats bound = (total + 1.0F) * peak *
                         ExpOfFloats(AtLeast(exponent, -80.0F)) *
                         (window.length * window.scale * kSlack);
    const Floats answer = SelectFloats(total < kGreatestEvidence, bound, one);
    __builtin_memcpy(bounds + i, &answer, sizeof(answer));
  }
}

}  // namespace
}  // namespace vade::sampling

// Defines `name` as the kernels of this file.
#define VADE_DEFINE_KERNELS(name, text)                                 \
  namespace vade::sampling {                                            \
  extern const Kernels name;                                            \
  const Kernels name = {text,    RandomWords, Uniforms,  Exponentials,  \
                        FadeAll, Peaks,       Densities, ChanceBounds}; \
  }

#endif  // VADE_SERVER_SAMPLING_LANE_KERNELS_H_
