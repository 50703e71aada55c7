#include "server/sampling/numeric.h"

#include <cfloat>
#include <cmath>
#include <limits>

#include "server/sampling/random.h"
#include "tests/catch.h"

namespace vade::sampling {
namespace {

static_assert(LDBL_MANT_DIG >= 64, "The oracle needs more digits than double.");

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The error of `got` in units of the last place of `expected`.
double UlpError(double got, long double expected) {
  const double nearest = std::fabs(static_cast<double>(expected));
  const double ulp = std::nextafter(nearest, kInfinity) - nearest;
  return static_cast<double>(std::fabs(got - expected) / ulp);
}

TEST_CASE("Log is within one ulp for every positive number", "[unit]") {
  RandomStream random(1, 0, 0, Purpose::kDraw);
  double worst = 0;
  for (int i = 0; i < 200'000; ++i) {
    const double u = random.UniformDouble();
    const double anywhere = std::ldexp(1 + u, i % 2098 - 1074);
    const double near_one = 1 + (u - 0.5) * std::ldexp(1.0, -(i % 52));
    for (const double x : {u, anywhere, near_one}) {
      worst = std::max(worst, UlpError(Log(x), std::log((long double){x})));
    }
  }
  CHECK(worst < 1);
  CHECK(worst > 0);
}

TEST_CASE("Log of one is exactly zero and of special values is IEEE's",
          "[unit]") {
  CHECK(Log(1) == 0);
  CHECK(Log(0.0) == -kInfinity);
  CHECK(Log(-0.0) == -kInfinity);
  CHECK(std::isnan(Log(-1)));
  CHECK(std::isnan(Log(-kInfinity)));
  CHECK(std::isnan(Log(std::nan(""))));
  CHECK(Log(kInfinity) == kInfinity);
}

TEST_CASE("Exp is within one ulp wherever its result is normal", "[unit]") {
  RandomStream random(2, 0, 0, Purpose::kDraw);
  double worst = 0;
  for (int i = 0; i < 200'000; ++i) {
    const double u = random.UniformDouble();
    for (const double x : {-708 + 1417 * u, 2 * u - 1, -u * 40,
                           (u - 0.5) * std::ldexp(1.0, -(i % 60))}) {
      worst = std::max(worst, UlpError(Exp(x), std::exp((long double){x})));
    }
  }
  CHECK(worst < 1);
  CHECK(worst > 0);
}

TEST_CASE("Exp underflows gradually and overflows to infinity", "[unit]") {
  for (double x = -745.13; x < -708; x += 0.01) {
    const long double expected = std::exp((long double){x});
    INFO("x = " << x);
    CHECK(std::fabs(Exp(x) - expected) <= 0x1p-1074L);
  }
  CHECK(Exp(0) == 1);
  CHECK(Exp(-0.0) == 1);
  CHECK(Exp(-745.2) == 0);
  CHECK(Exp(-kInfinity) == 0);
  CHECK(std::isfinite(Exp(709.78)));
  CHECK(Exp(709.79) == kInfinity);
  CHECK(Exp(kInfinity) == kInfinity);
  CHECK(std::isnan(Exp(std::nan(""))));
}

TEST_CASE("Pow keeps to its error bound for any decay and gap", "[unit]") {
  RandomStream random(3, 0, 0, Purpose::kDraw);
  double worst = 0;
  for (int i = 0; i < 200'000; ++i) {
    const double base = 1 - std::ldexp(random.UniformDouble(), -(i % 40));
    const double x = std::ldexp(random.UniformDouble(), i % 24);
    const long double expected =
        std::pow((long double){base}, (long double){x});
    if (expected < DBL_MIN) continue;
    const double exponent = std::fabs(x * std::log(base));
    const double bound = (2 + 3 * exponent) * 0x1p-53;
    worst =
        std::max(worst, static_cast<double>(std::fabs(Pow(base, x) - expected) /
                                            (expected * bound)));
  }
  CHECK(worst < 1);
}

TEST_CASE("Pow of the corner decays is exact", "[unit]") {
  CHECK(Pow(1, 12345.678) == 1);
  CHECK(Pow(0, 0) == 1);
  CHECK(Pow(0, 0.5) == 0);
  CHECK(Pow(0.999, 0) == 1);
  CHECK(Pow(0.5, 1e9) == 0);
}

TEST_CASE("Log and Exp have the bits they have always had", "[unit]") {
  CHECK(Log(0.3) == -0x1.34378fcbda721p+0);
  CHECK(Log(10) == 0x1.26bb1bbb55516p+1);
  CHECK(Log(1e-300) == -0x1.5963447f87fb5p+9);
  CHECK(Exp(1) == 0x1.5bf0a8b14576ap+1);
  CHECK(Exp(-0.3) == 0x1.7b4c869c37c05p-1);
  CHECK(Exp(-700.5) == 0x1.4ff475c68ca02p-1011);
  CHECK(Pow(0.999, 1234.5) == 0x1.29c79e2c9f969p-2);
}

}  // namespace
}  // namespace vade::sampling
