// Goodness-of-fit tests, as p-values: the probability of a result at least as
// odd if the code is right. A test that demands p >= kFalseAlarmRate therefore
// fails a right implementation for that share of seeds. Seeds are fixed, so it
// fails always or never; the rate says how far to believe a failure after a
// change that was meant to change draws.
//
// Pure functions, thread-safe.
#ifndef VADE_TESTS_SAMPLING_STATISTICS_H_
#define VADE_TESTS_SAMPLING_STATISTICS_H_

#include <cstdint>
#include <functional>
#include <vector>

namespace vade::sampling {

// Of each statistical test case, its parts combined.
inline constexpr double kFalseAlarmRate = 1e-6;

// Kolmogorov-Smirnov: whether `values` come from the distribution `cdf`.
// Asymptotic; good from some 30 values on.
double KolmogorovSmirnovP(std::vector<double> values,
                          const std::function<double(double)>& cdf);

// Kolmogorov-Smirnov: whether both come from one continuous distribution.
double TwoSampleKolmogorovSmirnovP(std::vector<double> a,
                                   std::vector<double> b);

// Chi-square: whether `counts` are uniform over their cells.
double UniformCountsP(const std::vector<uint64_t>& counts);

// Chi-square: whether events happen equally often in two series of `calls`
// calls each; a[i] and b[i] are in how many calls event i happened. `bound` is
// how many linear constraints hold between the events. Rare events are pooled.
double TwoSampleCountsP(const std::vector<uint64_t>& a,
                        const std::vector<uint64_t>& b, uint64_t calls,
                        uint32_t bound);

// The upper tail of the chi-square distribution.
double ChiSquareP(double statistic, double degrees_of_freedom);

// One p-value for several tests, dependent or not (Bonferroni).
double CombinedP(const std::vector<double>& p_values);

}  // namespace vade::sampling

#endif  // VADE_TESTS_SAMPLING_STATISTICS_H_
