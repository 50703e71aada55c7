#include "server/sampling/random.h"

#include <array>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

#include "tests/catch.h"
#include "tests/sampling/statistics.h"

namespace vade::sampling {
namespace {

TEST_CASE("Philox gives the known answers of Random123", "[unit]") {
  CHECK(Philox({0, 0, 0, 0}, {0, 0}) ==
        PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  constexpr uint32_t kOnes = 0xffffffff;
  CHECK(Philox({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}) ==
        PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(Philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
               {0xa4093822, 0x299f31d0}) ==
        PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("A stream is Philox over the documented key and counter", "[unit]") {
  RandomStream random(0x0123456789abcdef, 0x00fedcba98765432, 0xdeadbeef,
                      Purpose::kShuffle);
  for (uint32_t block = 0; block < 3; ++block) {
    const PhiloxCounter words = Philox(
        {block, 0xdeadbeef, 0x98765432, 0x02fedcba}, {0x89abcdef, 0x01234567});
    CHECK(random.Bits() == ((uint64_t{words[1]} << 32) | words[0]));
    CHECK(random.Bits() == ((uint64_t{words[3]} << 32) | words[2]));
  }
}

TEST_CASE("Every argument of a stream changes it", "[unit]") {
  std::set<uint64_t> first;
  first.insert(RandomStream(1, 2, 3, Purpose::kDraw).Bits());
  first.insert(RandomStream(1, 2, 3, Purpose::kTieBreak).Bits());
  first.insert(RandomStream(1, 2, 4, Purpose::kDraw).Bits());
  first.insert(RandomStream(1, 3, 3, Purpose::kDraw).Bits());
  first.insert(RandomStream(2, 2, 3, Purpose::kDraw).Bits());
  first.insert(RandomStream(1 + (1ull << 32), 2, 3, Purpose::kDraw).Bits());
  first.insert(RandomStream(1, 2 + (1ull << 32), 3, Purpose::kDraw).Bits());
  CHECK(first.size() == 7);
}

TEST_CASE("Random numbers have the bits they have always had", "[unit]") {
  RandomStream random(42, 7, 1001, Purpose::kDraw);
  CHECK(random.Bits() == 0x4ea3aed5ea7188eb);
  CHECK(random.UniformDouble() == 0x1.4a1f556295d73p-1);
  CHECK(random.Normal() == 0x1.abe3be9888ec2p-3);
  CHECK(random.Normal() == -0x1.fb62bd206f46ap-1);
  CHECK(random.Normal() == -0x1.5592cf00502fap-2);
  CHECK(TieBreak(42, 7, 1001) == 0xe1e650b640aa1ae7);
}

TEST_CASE("Uniform doubles fill the open interval evenly", "[stat]") {
  constexpr uint64_t kSeed = 11;
  RandomStream random(kSeed, 0, 0, Purpose::kDraw);
  std::vector<double> one_stream;
  std::vector<double> many_streams;
  for (uint32_t i = 0; i < 50'000; ++i) {
    one_stream.push_back(random.UniformDouble());
    many_streams.push_back(
        RandomStream(kSeed, 1, i, Purpose::kDraw).UniformDouble());
    REQUIRE(one_stream.back() > 0);
    REQUIRE(one_stream.back() < 1);
  }
  const auto uniform = [](double x) { return x; };
  INFO("seed " << kSeed);
  CHECK(CombinedP({KolmogorovSmirnovP(one_stream, uniform),
                   KolmogorovSmirnovP(many_streams, uniform)}) >
        kFalseAlarmRate);

  for (double& value : one_stream) value = value * (0.97 + 0.03 * value);
  CHECK(KolmogorovSmirnovP(one_stream, uniform) < kFalseAlarmRate);
}

TEST_CASE("Streams of neighbouring prompts and batches are independent",
          "[stat]") {
  constexpr uint64_t kSeed = 12;
  constexpr uint32_t kCells = 16;
  const auto cell = [](uint64_t sequence, uint32_t prompt) {
    return static_cast<uint32_t>(
        kCells *
        RandomStream(kSeed, sequence, prompt, Purpose::kDraw).UniformDouble());
  };
  std::vector<uint64_t> prompts(kCells * kCells);
  std::vector<uint64_t> batches(kCells * kCells);
  std::vector<uint64_t> broken(kCells * kCells);
  for (uint32_t i = 0; i < 100'000; ++i) {
    const uint32_t here = cell(5, i);
    ++prompts[here * kCells + cell(5, i + 1'000'000 + (i ^ 1))];
    ++batches[here * kCells + cell(6, i)];
    ++broken[here * kCells + cell(i % 8 == 0 ? 5 : 6, i)];
  }
  INFO("seed " << kSeed);
  CHECK(CombinedP({UniformCountsP(prompts), UniformCountsP(batches)}) >
        kFalseAlarmRate);
  CHECK(UniformCountsP(broken) < kFalseAlarmRate);
}

TEST_CASE("Normals follow the normal distribution", "[stat]") {
  constexpr uint64_t kSeed = 13;
  const boost::math::normal distribution;
  const auto cdf = [&](double x) { return boost::math::cdf(distribution, x); };
  RandomStream random(kSeed, 0, 0, Purpose::kDraw);
  std::vector<double> values;
  std::vector<double> sums;
  for (int i = 0; i < 50'000; ++i) {
    const double first = random.Normal();
    const double second = random.Normal();
    values.push_back(first);
    values.push_back(second);
    sums.push_back((first + second) / std::sqrt(2.0));
  }
  INFO("seed " << kSeed);
  CHECK(CombinedP({KolmogorovSmirnovP(values, cdf),
                   KolmogorovSmirnovP(sums, cdf)}) > kFalseAlarmRate);

  // Handing out the first of a pair twice looks normal one by one.
  std::vector<double> repeated;
  for (size_t i = 0; i < values.size(); i += 2) {
    repeated.push_back((values[i] + values[i]) / std::sqrt(2.0));
  }
  CHECK(KolmogorovSmirnovP(repeated, cdf) < kFalseAlarmRate);
}

}  // namespace
}  // namespace vade::sampling
