// Random numbers that follow from a key alone: the same rollout of the same
// prompt at the same step has the same outcome in every process, whatever
// order the workers take. Pure functions; thread-safe.
#ifndef VADE_CLIENT_LOAD_KEYED_RANDOM_H_
#define VADE_CLIENT_LOAD_KEYED_RANDOM_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace vade::load {

// FNV-1a of 64 bits.
uint64_t HashText(const std::string& text);

// A well-mixed word of the words of the key, in their order (SplitMix64
// finaliser over a running sum).
uint64_t MixKey(std::initializer_list<uint64_t> key);

// A number in (0, 1) of a mixed word: 53 bits, never an end.
double UnitUniform(uint64_t mixed);

// Shuffles by Fisher and Yates, as the key says.
template <typename T>
void KeyedShuffle(uint64_t key, std::vector<T>& items) {
  for (size_t i = items.size(); i > 1; --i) {
    const size_t j = MixKey({key, i}) % i;
    std::swap(items[i - 1], items[j]);
  }
}

}  // namespace vade::load

#endif  // VADE_CLIENT_LOAD_KEYED_RANDOM_H_
