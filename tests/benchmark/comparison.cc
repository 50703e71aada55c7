#include "tests/benchmark/comparison.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <nlohmann/json.hpp>

namespace vade::benchmarks {

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  if (values.size() % 2 == 1) return values[middle];
  return (values[middle - 1] + values[middle]) / 2;
}

void Comparison::Print() const {
  const double value = Median(values_);
  const double baseline_value = Median(baseline_values_);
  std::vector<double> ratios;
  for (size_t i = 0; i < values_.size(); ++i) {
    ratios.push_back(values_[i] / baseline_values_[i]);
  }
  std::sort(ratios.begin(), ratios.end());
  nlohmann::ordered_json context = {{"rounds", values_.size()}};
  if (!ratios.empty()) {
    context["lowest_ratio"] = ratios.front();
    context["highest_ratio"] = ratios.back();
  }
  for (const auto& [key, number] : context_) {
    // Counts read as such.
    if (number == std::floor(number)) {
      context[key] = static_cast<int64_t>(number);
    } else {
      context[key] = number;
    }
  }
  const nlohmann::ordered_json line = {{"name", name_},
                                       {"value", value},
                                       {"unit", unit_},
                                       {"baseline", baseline_},
                                       {"baseline_value", baseline_value},
                                       {"ratio", value / baseline_value},
                                       {"context", context}};
  std::cout << line.dump() << std::endl;
}

}  // namespace vade::benchmarks
