#include "server/sampling/kernels.h"

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
static_assert(kSize % kKernelStep == 0);

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

}  // namespace
}  // namespace vade::sampling
