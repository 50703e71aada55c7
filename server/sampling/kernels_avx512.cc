// Vectors of 512 bits. Compiled with -mavx512f -mavx512dq.
#define VADE_LANES 8
#include "server/sampling/lane_kernels.h"

VADE_DEFINE_KERNELS(kAvx512Kernels, "avx512")
