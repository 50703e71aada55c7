#include "server/sampling/population.h"

#include <bit>
#include <cstddef>
#include <type_traits>

namespace vade::sampling {

static_assert(std::is_trivially_destructible_v<HotState>);

void Population::ReturnChunk::operator()(HotState* chunk) const {
  std::allocator<HotState>().deallocate(chunk, kChunk);
}

void Population::Resize(uint32_t size) {
  const size_t words = (size_t{size} + 63) / 64;
  for (size_t word = free_bits_.size(); word < words; ++word) {
    const size_t first = word * 64;
    if (first % kChunk == 0) {
      chunks_.emplace_back(std::allocator<HotState>().allocate(kChunk));
    }
    HotState* place = chunks_.back().get() + first % kChunk;
    std::uninitialized_default_construct_n(place, 64);
  }
  free_bits_.resize(words);
  size_ = size;
}

void Population::SetFree(uint32_t index, bool free) {
  if (this->free(index) == free) return;
  free_bits_[index / 64] ^= uint64_t{1} << (index % 64);
  free_count_ += free ? 1 : -1;
}

void Population::AppendFree(std::vector<uint32_t>& prompts) const {
  prompts.reserve(prompts.size() + free_count_);
  for (uint32_t word = 0; word < free_bits_.size(); ++word) {
    for (uint64_t bits = free_bits_[word]; bits != 0; bits &= bits - 1) {
      prompts.push_back(word * 64 +
                        static_cast<uint32_t>(std::countr_zero(bits)));
    }
  }
}

}  // namespace vade::sampling
