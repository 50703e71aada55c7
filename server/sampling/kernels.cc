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

size_t PaddedLength(size_t count) {
  return (count + kKernelStep - 1) / kKernelStep * kKernelStep;
}

const Kernels& BestKernels() { return *AvailableKernels().back(); }

}  // namespace vade::sampling
