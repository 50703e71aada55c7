#include "tests/sampling/statistics.h"

#include <algorithm>
#include <boost/math/distributions/chi_squared.hpp>
#include <cmath>
#include <cstddef>

namespace vade::sampling {
namespace {

// An event, or a pool of them, is used once it happened this often in all.
constexpr uint64_t kLeastPool = 40;

// The limit distribution of the largest distance, with Stephens' correction
// for a finite `size` (an effective one, for two samples).
double KolmogorovP(double distance, double size) {
  const double root = std::sqrt(size);
  const double lambda = (root + 0.12 + 0.11 / root) * distance;
  if (lambda < 0.2) return 1;
  double sum = 0;
  for (int k = 1; k <= 100; ++k) {
    const double term = std::exp(-2.0 * k * k * lambda * lambda);
    sum += k % 2 == 1 ? term : -term;
  }
  return std::clamp(2 * sum, 0.0, 1.0);
}

}  // namespace

double KolmogorovSmirnovP(std::vector<double> values,
                          const std::function<double(double)>& cdf) {
  std::sort(values.begin(), values.end());
  const double size = static_cast<double>(values.size());
  double distance = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double expected = cdf(values[i]);
    distance = std::max({distance, expected - static_cast<double>(i) / size,
                         static_cast<double>(i + 1) / size - expected});
  }
  return KolmogorovP(distance, size);
}

double TwoSampleKolmogorovSmirnovP(std::vector<double> a,
                                   std::vector<double> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  const double a_size = static_cast<double>(a.size());
  const double b_size = static_cast<double>(b.size());
  double distance = 0;
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() && j < b.size()) {
    const double value = std::min(a[i], b[j]);
    while (i < a.size() && a[i] <= value) ++i;
    while (j < b.size() && b[j] <= value) ++j;
    distance = std::max(distance, std::fabs(static_cast<double>(i) / a_size -
                                            static_cast<double>(j) / b_size));
  }
  return KolmogorovP(distance, a_size * b_size / (a_size + b_size));
}

double UniformCountsP(const std::vector<uint64_t>& counts) {
  double total = 0;
  for (const uint64_t count : counts) total += static_cast<double>(count);
  const double expected = total / static_cast<double>(counts.size());
  double statistic = 0;
  for (const uint64_t count : counts) {
    const double difference = static_cast<double>(count) - expected;
    statistic += difference * difference / expected;
  }
  return ChiSquareP(statistic, static_cast<double>(counts.size()) - 1);
}

double TwoSampleCountsP(const std::vector<uint64_t>& a,
                        const std::vector<uint64_t>& b, uint64_t calls,
                        uint32_t bound) {
  double statistic = 0;
  double pools = 0;
  double difference = 0;
  double variance = 0;
  uint64_t total = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double both = static_cast<double>(a[i] + b[i]);
    difference += static_cast<double>(a[i]) - static_cast<double>(b[i]);
    variance += both * (1 - both / (2.0 * static_cast<double>(calls)));
    total += a[i] + b[i];
    if (total < kLeastPool || variance == 0) continue;
    statistic += difference * difference / variance;
    ++pools;
    difference = variance = 0;
    total = 0;
  }
  if (pools <= bound) return 1;
  return ChiSquareP(statistic, pools - bound);
}

double ChiSquareP(double statistic, double degrees_of_freedom) {
  const boost::math::chi_squared distribution(degrees_of_freedom);
  return boost::math::cdf(boost::math::complement(distribution, statistic));
}

double CombinedP(const std::vector<double>& p_values) {
  const double least = *std::min_element(p_values.begin(), p_values.end());
  return std::min(1.0, least * static_cast<double>(p_values.size()));
}

}  // namespace vade::sampling
