#include "client/load/keyed_random.h"

namespace vade::load {

uint64_t HashText(const std::string& text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  return hash;
}

uint64_t MixKey(std::initializer_list<uint64_t> key) {
  uint64_t state = 0;
  for (const uint64_t word : key) {
    state += word + 0x9e3779b97f4a7c15;
    state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9;
    state = (state ^ (state >> 27)) * 0x94d049bb133111eb;
    state ^= state >> 31;
  }
  return state;
}

double UnitUniform(uint64_t mixed) {
  return (static_cast<double>(mixed >> 11) + 0.5) * 0x1p-53;
}

}  // namespace vade::load
