#include "server/sampling/kernels.h"

#include <algorithm>
#include <array>
#include <bit>
#include <boost/math/distributions/beta.hpp>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "server/sampling/numeric.h"
#include "server/sampling/posterior.h"
#include "tests/catch.h"

namespace vade::sampling {
namespace {

constexpr size_t kSize = 4096;
static_assert(kSize % kKernelStep == 0 && kSize % kFloatStep == 0);

// Evidence, clocks and rates of all sizes.
struct Columns {
  explicit Columns(double greatest_evidence) {
    RandomStream random(51, 0, 0, Purpose::kDraw);
    for (size_t i = 0; i < kSize; ++i) {
      const auto part = [&] {
        return i % 7 == 0
                   ? 0
                   : std::pow(greatest_evidence + 1, random.UniformDouble()) -
                         1;
      };
      alpha.push_back(part());
      beta.push_back(part());
      clocks.push_back(100 * random.UniformDouble() - 1);
      rates.push_back(random.UniformDouble());
      words.push_back(random.Bits());
      blocks.push_back(static_cast<uint32_t>(random.Bits()));
      prompts.push_back(static_cast<uint32_t>(random.Bits()));
    }
  }

  std::vector<double> alpha;
  std::vector<double> beta;
  std::vector<double> clocks;
  std::vector<double> rates;
  std::vector<uint64_t> words;
  std::vector<uint32_t> blocks;
  std::vector<uint32_t> prompts;
};

// Everything that kernels make of `columns`, as bits.
std::vector<uint64_t> AllResults(const Kernels& kernels, Columns columns) {
  std::vector<uint64_t> first(kSize);
  std::vector<uint64_t> second(kSize);
  kernels.random_words(StreamBase(7, 8, Purpose::kScan), columns.blocks.data(),
                       columns.prompts.data(), kSize, first.data(),
                       second.data());
  std::vector<uint64_t> results = first;
  results.insert(results.end(), second.begin(), second.end());
  std::vector<double> values(kSize);
  const auto keep = [&](const std::vector<double>& column) {
    for (const double value : column) {
      results.push_back(std::bit_cast<uint64_t>(value));
    }
  };
  kernels.uniforms(columns.words.data(), kSize, values.data());
  keep(values);
  kernels.exponentials(columns.words.data(), kSize, values.data());
  keep(values);
  kernels.fade(90, Log(0.999), columns.clocks.data(), kSize,
               columns.alpha.data(), columns.beta.data());
  keep(columns.alpha);
  keep(columns.beta);
  std::vector<double> slopes(kSize);
  kernels.peaks(0.25, 0.4, columns.alpha.data(), columns.beta.data(), kSize,
                values.data(), slopes.data());
  keep(values);
  keep(slopes);
  kernels.densities(columns.alpha.data(), columns.beta.data(),
                    columns.rates.data(), kSize, values.data());
  keep(values);
  const std::vector<float> alpha(columns.alpha.begin(), columns.alpha.end());
  const std::vector<float> beta(columns.beta.begin(), columns.beta.end());
  const std::vector<float> gaps(columns.clocks.begin(), columns.clocks.end());
  std::vector<float> bounds(kSize);
  kernels.chance_bounds(ScanWindow(0.25, 0.4, 0.15, 1), -0.001F, alpha.data(),
                        beta.data(), gaps.data(), kSize, bounds.data());
  for (const float bound : bounds) {
    results.push_back(std::bit_cast<uint32_t>(bound));
  }
  return results;
}

TEST_CASE("Kernels of every width give the same bits", "[unit]") {
  std::string names;
  for (const double evidence : {10.0, 1e6}) {
    const Columns columns(evidence);
    const std::vector<uint64_t> expected =
        AllResults(*AvailableKernels().front(), columns);
    for (const Kernels* kernels : AvailableKernels()) {
      INFO(kernels->name);
      CHECK(AllResults(*kernels, columns) == expected);
      names += std::string(" ") + kernels->name;
    }
  }
  WARN("compared:" << names);
  CHECK(&BestKernels() == AvailableKernels().back());
}

TEST_CASE("Kernels make the random numbers of streams", "[unit]") {
  const Columns columns(10);
  const Kernels& kernels = BestKernels();
  std::vector<uint64_t> first(kSize);
  std::vector<uint64_t> second(kSize);
  const uint64_t sequence = 0xa1'b2c3'd4e5'f607;
  const std::vector<uint32_t> zeros(kSize);
  kernels.random_words(StreamBase(~uint64_t{5}, sequence, Purpose::kSweep),
                       zeros.data(), columns.prompts.data(), kSize,
                       first.data(), second.data());
  std::vector<double> uniforms(kSize);
  kernels.uniforms(second.data(), kSize, uniforms.data());
  for (size_t i = 0; i < kSize; ++i) {
    RandomStream random(~uint64_t{5}, sequence, columns.prompts[i],
                        Purpose::kSweep);
    REQUIRE(first[i] == random.Bits());
    REQUIRE(uniforms[i] == random.UniformDouble());
  }
}

TEST_CASE("Exponential variates are logarithms of the uniforms", "[unit]") {
  const Columns columns(10);
  std::vector<double> uniforms(kSize);
  std::vector<double> variates(kSize);
  BestKernels().uniforms(columns.words.data(), kSize, uniforms.data());
  BestKernels().exponentials(columns.words.data(), kSize, variates.data());
  for (size_t i = 0; i < kSize; ++i) {
    REQUIRE(variates[i] == -Log(uniforms[i]));
  }
}

TEST_CASE("The fade of kernels is that of the posterior", "[unit]") {
  for (const double decay : {0.0, 0.5, 0.999, 1.0}) {
    const Columns columns(10);
    std::vector<double> alpha = columns.alpha;
    std::vector<double> beta = columns.beta;
    BestKernels().fade(50, Log(decay), columns.clocks.data(), kSize,
                       alpha.data(), beta.data());
    for (size_t i = 0; i < kSize; ++i) {
      const Evidence expected = Fade({columns.alpha[i], columns.beta[i]},
                                     columns.clocks[i], 50, decay);
      INFO("decay " << decay << ", clock " << columns.clocks[i]);
      REQUIRE(alpha[i] == Approx(expected.alpha).epsilon(1e-14));
      REQUIRE(beta[i] == Approx(expected.beta).epsilon(1e-14));
    }
  }
}

TEST_CASE("Peaks are where the density within a window is greatest", "[unit]") {
  constexpr double kLow = 0.25;
  constexpr double kHigh = 0.4;
  Columns columns(100);
  columns.alpha[0] = columns.beta[0] = 0;
  std::vector<double> peaks(kSize);
  std::vector<double> slopes(kSize);
  BestKernels().peaks(kLow, kHigh, columns.alpha.data(), columns.beta.data(),
                      kSize, peaks.data(), slopes.data());
  for (size_t i = 0; i < kSize; ++i) {
    const boost::math::beta_distribution<double> posterior(columns.alpha[i] + 1,
                                                           columns.beta[i] + 1);
    REQUIRE(peaks[i] >= kLow);
    REQUIRE(peaks[i] <= kHigh);
    const double greatest = boost::math::pdf(posterior, peaks[i]);
    REQUIRE(slopes[i] == Approx(columns.alpha[i] / peaks[i] -
                                columns.beta[i] / (1 - peaks[i]))
                             .epsilon(1e-9)
                             .margin(1e-9));
    for (const double rate : {kLow, 0.3, 0.35, kHigh}) {
      REQUIRE(boost::math::pdf(posterior, rate) <=
              greatest * std::exp(slopes[i] * (rate - peaks[i])) * (1 + 1e-11));
    }
  }
}

TEST_CASE("Densities are those of Boost", "[unit]") {
  for (const double evidence : {1.0, 10.0, 1000.0, 1e6}) {
    const Columns columns(evidence);
    std::vector<double> densities(kSize);
    BestKernels().densities(columns.alpha.data(), columns.beta.data(),
                            columns.rates.data(), kSize, densities.data());
    for (size_t i = 0; i < kSize; ++i) {
      const boost::math::beta_distribution<double> posterior(
          columns.alpha[i] + 1, columns.beta[i] + 1);
      const double expected = boost::math::pdf(posterior, columns.rates[i]);
      INFO(columns.alpha[i] << ", " << columns.beta[i] << " at "
                            << columns.rates[i]);
      if (expected < 1e-290) {
        REQUIRE(densities[i] < 1e-289);
      } else {
        REQUIRE(densities[i] ==
                Approx(expected).epsilon(1e-11 + 3e-14 * evidence));
      }
    }
  }
}

// What chance_bounds may not be below, of faded evidence.
std::vector<double> ExactBounds(double low, double high, double length,
                                const std::vector<double>& alpha,
                                const std::vector<double>& beta) {
  std::vector<double> peaks(kSize);
  std::vector<double> slopes(kSize);
  std::vector<double> bounds(kSize);
  BestKernels().peaks(low, high, alpha.data(), beta.data(), kSize, peaks.data(),
                      slopes.data());
  BestKernels().densities(alpha.data(), beta.data(), peaks.data(), kSize,
                          bounds.data());
  for (size_t i = 0; i < kSize; ++i) {
    bounds[i] *= length / std::max(std::abs(slopes[i]) * length, 1.0);
  }
  return bounds;
}

TEST_CASE("Bounds of chances are above them, and close", "[unit]") {
  struct Ends {
    double low;
    double high;
  };
  constexpr float kDecay = 0.99F;
  // Where a uniform of 24 bits still tells two bounds apart.
  constexpr double kLeast = 0x1p-25;
  const Ends windows[] = {{0.3, 0.37},     {0.332, 0.334}, {1e-300, 0.7},
                          {1e-9, 1e-4},    {0.01, 0.011},  {1e-5, 1},
                          {0.9999, 1},     {0.5, 0.9},     {1e-300, 1},
                          {0.3333, 0.3334}};
  for (const double evidence : {1e-3, 1.0, 10.0, 1000.0, 1e5, 1e9}) {
    for (const Ends& ends : windows) {
      for (const double part : {1.0, 0.25}) {
        const double length = part * (ends.high - ends.low);
        Columns columns(evidence);
        // Half of the modes in or near the window.
        for (size_t i = 0; i < kSize; i += 2) {
          const double total = columns.alpha[i] + columns.beta[i];
          const double width =
              3 * (ends.high - ends.low) + 3 / std::sqrt(total + 1);
          columns.alpha[i] =
              total *
              std::clamp(ends.low + (columns.rates[i] - 0.5) * width, 0.0, 1.0);
          columns.beta[i] = total - columns.alpha[i];
        }
        const std::vector<float> alpha(columns.alpha.begin(),
                                       columns.alpha.end());
        const std::vector<float> beta(columns.beta.begin(), columns.beta.end());
        std::vector<float> gaps(kSize);
        for (size_t i = 0; i < kSize; ++i) {
          gaps[i] = static_cast<float>(89 - columns.clocks[i]);
        }
        std::vector<float> bounds(kSize);
        BestKernels().chance_bounds(ScanWindow(ends.low, ends.high, length, 1),
                                    std::log(kDecay), alpha.data(), beta.data(),
                                    gaps.data(), kSize, bounds.data());
        BestKernels().fade(90, std::log(kDecay), columns.clocks.data(), kSize,
                           columns.alpha.data(), columns.beta.data());
        const std::vector<double> exact =
            ExactBounds(ends.low, std::min(ends.high, 1 - 0x1p-53), length,
                        columns.alpha, columns.beta);
        for (size_t i = 0; i < kSize; ++i) {
          const double total = columns.alpha[i] + columns.beta[i];
          INFO(columns.alpha[i] << ", " << columns.beta[i] << " within "
                                << ends.low << " to " << ends.high << " by "
                                << length << ": " << bounds[i] << ", exactly "
                                << exact[i]);
          if (exact[i] > kLeast) {
            REQUIRE((bounds[i] >= 1 || bounds[i] >= exact[i]));
          }
          const bool is_inside = ends.low >= 1e-6 && ends.high <= 1 - 1e-6;
          if (total < 1000 && is_inside && exact[i] > 1e-3) {
            REQUIRE(bounds[i] <= 1.5 * exact[i]);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace vade::sampling
