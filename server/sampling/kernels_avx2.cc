// Vectors of 256 bits. Compiled with -mavx2.
#define VADE_LANES 4
#include "server/sampling/lane_kernels.h"

VADE_DEFINE_KERNELS(kAvx2Kernels, "avx2")
