// LazyColumn: one small value for every prompt, by index, of which most are
// T() in most runs. Storage comes in chunks, each at its first value that is
// not T(), so a column that is never used costs next to nothing.
// Thread-compatible.
#ifndef VADE_SERVER_SAMPLING_LAZY_COLUMN_H_
#define VADE_SERVER_SAMPLING_LAZY_COLUMN_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace vade::sampling {

// A hint that `value` is wanted soon, which may lie in two cache lines.
template <class T>
void PrefetchAll(const T& value) {
  static_assert(sizeof(T) <= 64);
  __builtin_prefetch(&value);
  if (sizeof(T) > 8) {
    __builtin_prefetch(reinterpret_cast<const char*>(&value + 1) - 1);
  }
}

// `kChunk` is how many values a chunk has.
template <class T, uint32_t kChunk = 4096>
class LazyColumn {
 public:
  // T() where nothing was set.
  T Get(uint32_t index) const {
    const uint32_t chunk = index / kChunk;
    if (chunk >= chunks_.size() || chunks_[chunk] == nullptr) return T();
    return chunks_[chunk][index % kChunk];
  }

  // The value itself; one that is not T() was set at `index` before.
  T& At(uint32_t index) { return chunks_[index / kChunk][index % kChunk]; }
  const T& At(uint32_t index) const {
    return chunks_[index / kChunk][index % kChunk];
  }

  // A hint that Get(index) is wanted soon.
  void Prefetch(uint32_t index) const {
    const uint32_t chunk = index / kChunk;
    if (chunk >= chunks_.size() || chunks_[chunk] == nullptr) return;
    PrefetchAll(chunks_[chunk][index % kChunk]);
  }

  void Set(uint32_t index, T value) {
    const uint32_t chunk = index / kChunk;
    if (chunk >= chunks_.size() || chunks_[chunk] == nullptr) {
      if (value == T()) return;
      if (chunk >= chunks_.size()) chunks_.resize(size_t{chunk} + 1);
      chunks_[chunk] = std::make_unique<T[]>(kChunk);
    }
    chunks_[chunk][index % kChunk] = value;
  }

 private:
  std::vector<std::unique_ptr<T[]>> chunks_;
};

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_LAZY_COLUMN_H_
