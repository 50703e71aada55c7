#include "server/seed.h"

#include <random>

namespace vade::server {

uint64_t FreshSeed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

}  // namespace vade::server
