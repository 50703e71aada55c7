// A figure of ours beside the same figure of what one would take instead, from
// rounds that took turns in one process. A plain value; thread-compatible.
#ifndef VADE_TESTS_BENCHMARK_COMPARISON_H_
#define VADE_TESTS_BENCHMARK_COMPARISON_H_

#include <string>
#include <utility>
#include <vector>

namespace vade::benchmarks {

// The middle one, the mean of the middle two of an even number; 0 of none.
double Median(std::vector<double> values);

class Comparison {
 public:
  // `baseline` says what it is compared with.
  Comparison(std::string name, std::string unit, std::string baseline)
      : name_(std::move(name)),
        unit_(std::move(unit)),
        baseline_(std::move(baseline)) {}

  void AddRound(double value, double baseline_value) {
    values_.push_back(value);
    baseline_values_.push_back(baseline_value);
  }
  // What it was measured on.
  void AddContext(const std::string& key, double value) {
    context_.emplace_back(key, value);
  }

  // Prints one JSON object on a line of stdout: name, value, unit, baseline,
  // baseline_value, ratio, context. Values are medians over the rounds, ratio
  // is value / baseline_value.
  void Print() const;

 private:
  std::string name_;
  std::string unit_;
  std::string baseline_;
  std::vector<double> values_;
  std::vector<double> baseline_values_;
  std::vector<std::pair<std::string, double>> context_;
};

}  // namespace vade::benchmarks

#endif  // VADE_TESTS_BENCHMARK_COMPARISON_H_
