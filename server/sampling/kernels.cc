#include "server/sampling/kernels.h"

#include <vector>

namespace vade::sampling {

extern const Kernels kBaselineKernels;
#ifdef VADE_X86_KERNELS
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
#endif

absl::Span<const Kernels* const> AvailableKernels() {
  static const std::vector<const Kernels*> kAvailable = [] {
    std::vector<const Kernels*> available = {&kBaselineKernels};
#ifdef VADE_X86_KERNELS
    if (__builtin_cpu_supports("avx2")) available.push_back(&kAvx2Kernels);
    if (__builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512dq")) {
      available.push_back(&kAvx512Kernels);
    }
#endif
    return available;
  }();
  return kAvailable;
}

size_t PaddedLength(size_t count, size_t step) {
  return (count + step - 1) / step * step;
}

ScanWindow::ScanWindow(double low, double high, double length, double scale)
    : low(0),
      high(1),
      inverse_low(1),
      inverse_high(1),
      inverse_low_rest(1),
      inverse_high_rest(1),
      length(static_cast<float>(length)),
      scale(static_cast<float>(scale)) {
  // Nearer to 0 or 1, inverses would be too large for what is made of them.
  constexpr double kLeast = 1e-6;
  const auto counts = [](double end) {
    return end >= kLeast && end <= 1 - kLeast;
  };
  if (counts(low)) {
    this->low = static_cast<float>(low);
    inverse_low = static_cast<float>(1 / low);
    inverse_low_rest = static_cast<float>(1 / (1 - low));
  }
  if (counts(high)) {
    this->high = static_cast<float>(high);
    inverse_high = static_cast<float>(1 / high);
    inverse_high_rest = static_cast<float>(1 / (1 - high));
  }
}

const Kernels& BestKernels() { return *AvailableKernels().back(); }

}  // namespace vade::sampling
