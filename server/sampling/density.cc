#include "server/sampling/density.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace vade::sampling {
namespace {

// More than the error of the kernels and of the search below.
constexpr double kMargin = 1 + 1e-9;

// Each step of the search leaves two ninths of the interval.
constexpr int kSearchSteps = 24;

struct Node {
  double place;   // in (0, 1), and once more below 0
  double weight;  // of an interval of length 2
};

// Zeros of the Legendre polynomial of degree 24 and their weights.
constexpr std::array<Node, 12> kNodes = {{
    {0.99518721999702131, 0.012341229799987334},
    {0.97472855597130947, 0.028531388628933813},
    {0.9382745520027328, 0.044277438817419676},
    {0.88641552700440107, 0.059298584915436658},
    {0.82000198597390295, 0.073346481411080272},
    {0.74012419157855436, 0.086190161531953219},
    {0.64809365193697555, 0.097618652104113898},
    {0.54542147138883956, 0.10744427011596562},
    {0.43379350762604513, 0.11550566805372554},
    {0.3150426796961634, 0.12167047292780335},
    {0.19111886747361631, 0.12583745634682839},
    {0.06405689286260563, 0.12793819534675224},
}};

}  // namespace

double DensityBound(const Kernels& kernels, double max_evidence, double rate) {
  // The logarithm's slope along alpha + beta = max_evidence is 0 where
  // psi(alpha + 1) - psi(beta + 1) = log(rate / (1 - rate)). psi(x + 1) lies
  // between log(x + 0.5) and log(x + 0.562), so that is next to here.
  const double guess = rate * (max_evidence + 1) - 0.5;
  double low = std::clamp(guess - 1, 0.0, max_evidence);
  double high = std::clamp(guess + 1, 0.0, max_evidence);
  double best = 0;
  std::array<double, kKernelStep> alpha;
  std::array<double, kKernelStep> beta;
  std::array<double, kKernelStep> rates;
  std::array<double, kKernelStep> densities;
  rates.fill(rate);
  for (int step = 0; step < kSearchSteps; ++step) {
    const double width = (high - low) / (kKernelStep + 1);
    for (size_t i = 0; i < kKernelStep; ++i) {
      alpha[i] = low + width * static_cast<double>(i + 1);
      beta[i] = max_evidence - alpha[i];
    }
    kernels.densities(alpha.data(), beta.data(), rates.data(), kKernelStep,
                      densities.data());
    const auto top = std::max_element(densities.begin(), densities.end());
    best = std::max(best, *top);
    const double at = alpha[static_cast<size_t>(top - densities.begin())];
    low = at - width;
    high = at + width;
  }
  return best * kMargin;
}

double MassWithin(const Kernels& kernels, Evidence evidence, double low,
                  double high) {
  constexpr size_t kCount = 2 * kNodes.size();
  std::array<double, kCount> alpha;
  std::array<double, kCount> beta;
  std::array<double, kCount> rates;
  std::array<double, kCount> densities;
  alpha.fill(evidence.alpha);
  beta.fill(evidence.beta);
  const double middle = 0.5 * (low + high);
  const double half = 0.5 * (high - low);
  for (size_t i = 0; i < kNodes.size(); ++i) {
    rates[2 * i] = middle - half * kNodes[i].place;
    rates[2 * i + 1] = middle + half * kNodes[i].place;
  }
  kernels.densities(alpha.data(), beta.data(), rates.data(), kCount,
                    densities.data());
  double sum = 0;
  for (size_t i = 0; i < kNodes.size(); ++i) {
    sum += kNodes[i].weight * (densities[2 * i] + densities[2 * i + 1]);
  }
  return half * sum;
}

}  // namespace vade::sampling
