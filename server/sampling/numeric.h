// Log, Exp and Pow that give the same bits on every machine. A batch must be
// the same wherever it is replayed, and the C library's functions may differ
// in the last bit between versions and CPUs, so nothing that decides a batch
// may call them. These use only operations that IEEE 754 defines exactly
// (+, -, *, / and the bits of a double), in a fixed order.
//
// Error bounds hold in round-to-nearest and are tested against long double:
// Log and Exp are within 1 ulp wherever the result is a normal number.
//
// Pure functions, thread-safe.
#ifndef VADE_SERVER_SAMPLING_NUMERIC_H_
#define VADE_SERVER_SAMPLING_NUMERIC_H_

#include <bit>
#include <cfloat>
#include <cstdint>
#include <limits>

namespace vade::sampling {

#ifdef __FAST_MATH__
#error "Replay needs IEEE arithmetic: do not build with -ffast-math."
#endif
static_assert(FLT_EVAL_METHOD == 0,
              "Replay needs arithmetic without excess precision.");
static_assert(std::numeric_limits<double>::is_iec559);

namespace numeric_internal {

// ln 2 in two parts. The high part ends in 21 zero bits, so that its product
// with any exponent of a double is exact.
inline constexpr double kLn2High = 0x1.62e42fee00000p-1;
inline constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
inline constexpr double kLog2E = 0x1.71547652b82fep+0;

// 2^exponent, for a normal result: exponent in [-1022, 1023].
inline double PowerOfTwo(int64_t exponent) {
  return std::bit_cast<double>(static_cast<uint64_t>(exponent + 1023) << 52);
}

// Log for zero, negative, infinite and NaN arguments.
inline double LogOfSpecial(double x) {
  if (x == 0) return -std::numeric_limits<double>::infinity();
  if (x < 0) return std::numeric_limits<double>::quiet_NaN();
  return x;
}

}  // namespace numeric_internal

// The natural logarithm. Error below 1 ulp for every positive x, subnormals
// included. Log(1) is exactly 0, Log(0) is minus infinity, Log(x < 0) is NaN,
// infinity and NaN give themselves.
//
// x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)), s = f / (2 + f), and
// log(1 + f) = 2 atanh(s) = f - (f^2/2 - s (f^2/2 + R)), where R is the series
// sum over n >= 1 of 2 s^(2n) / (2n + 1), cut after n = 10 (the rest is below
// 1e-18 of the result).
inline double Log(double x) {
  constexpr uint64_t kLeastNormal = 0x0010'0000'0000'0000;
  constexpr uint64_t kInfinity = 0x7ff0'0000'0000'0000;
  constexpr uint64_t kSqrtHalf = 0x3fe6'a09e'667f'3bcd;
  uint64_t bits = std::bit_cast<uint64_t>(x);
  int64_t k = 0;
  if (bits - kLeastNormal >= kInfinity - kLeastNormal) {
    if (!(x > 0) || bits == kInfinity) {
      return numeric_internal::LogOfSpecial(x);
    }
    bits = std::bit_cast<uint64_t>(x * 0x1p54);
    k = -54;
  }
  const uint64_t above = bits - kSqrtHalf;
  k += static_cast<int64_t>(above) >> 52;
  const double f =
      std::bit_cast<double>(bits - (above & 0xfff0'0000'0000'0000)) - 1.0;
  const double s = f / (2.0 + f);
  const double z = s * s;
  const double w = z * z;
  const double odd =
      2.0 / 3 +
      w * (2.0 / 7 + w * (2.0 / 11 + w * (2.0 / 15 + w * (2.0 / 19))));
  const double even =
      2.0 / 5 +
      w * (2.0 / 9 + w * (2.0 / 13 + w * (2.0 / 17 + w * (2.0 / 21))));
  const double series = z * odd + w * even;
  const double half_square = 0.5 * f * f;
  const double exponent = static_cast<double>(k);
  return exponent * numeric_internal::kLn2High -
         ((half_square - (s * (half_square + series) +
                          exponent * numeric_internal::kLn2Low)) -
          f);
}

// e^x. Error below 1 ulp where the result is a normal number, below one
// 2^-1074 where it is subnormal; infinity above 709.79, 0 below -745.14. Exp(0)
// is exactly 1. NaN gives NaN.
//
// x = k ln 2 + r with |r| <= ln(2) / 2, and the Taylor series of e^r to r^13
// (the rest is below 5e-18).
inline double Exp(double x) {
  if (!(x < 709.79)) {
    return x != x ? x : std::numeric_limits<double>::infinity();
  }
  if (x < -745.14) return 0;
  const double scaled = x * numeric_internal::kLog2E;
  const int64_t k = static_cast<int64_t>(scaled + (scaled < 0 ? -0.5 : 0.5));
  const double exponent = static_cast<double>(k);
  const double high = x - exponent * numeric_internal::kLn2High;
  const double low = exponent * numeric_internal::kLn2Low;
  const double r = high - low;
  const double z = r * r;
  const double even =
      1.0 / 2 +
      z * (1.0 / 24 +
           z * (1.0 / 720 + z * (1.0 / 40320 +
                                 z * (1.0 / 3628800 + z * (1.0 / 479001600)))));
  const double odd =
      1.0 / 6 +
      z * (1.0 / 120 + z * (1.0 / 5040 + z * (1.0 / 362880 +
                                              z * (1.0 / 39916800 +
                                                   z * (1.0 / 6227020800.0)))));
  const double power = 1.0 + (high + (z * (even + r * odd) - low));
  // Two steps where 2^k itself is not a normal number.
  if (k > 1023) {
    return power * 0x1p1023 * numeric_internal::PowerOfTwo(k - 1023);
  }
  if (k < -1022) return power * numeric_internal::PowerOfTwo(k + 64) * 0x1p-64;
  return power * numeric_internal::PowerOfTwo(k);
}

// base^x for base in [0, 1] and x >= 0, as Exp(x * Log(base)); 1 if x is 0,
// whatever the base. Relative error at most (2 + 3 |x ln base|) 2^-53: the
// product is rounded before it is exponentiated.
inline double Pow(double base, double x) {
  return x == 0 ? 1.0 : Exp(x * Log(base));
}

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_NUMERIC_H_
