// Vectors of 128 bits: what every x86-64 and every arm64 has.
#define VADE_LANES 2
#include "server/sampling/lane_kernels.h"

VADE_DEFINE_KERNELS(kBaselineKernels, "baseline")
