#include "server/sampling/selector.h"

#include <array>
#include <bit>
#include <vector>

namespace vade::sampling {
namespace {

using Visit = absl::FunctionRef<void(absl::Span<const uint32_t>)>;

// Hands prompts on in chunks.
class Chunks {
 public:
  explicit Chunks(Visit visit) : visit_(visit) {}

  void Add(uint32_t prompt) {
    prompts_[size_] = prompt;
    if (++size_ == kEligibleChunk) Flush();
  }
  void Flush() {
    if (size_ > 0) visit_(absl::MakeConstSpan(prompts_.data(), size_));
    size_ = 0;
  }

 private:
  const Visit visit_;
  std::array<uint32_t, kEligibleChunk> prompts_;
  uint32_t size_ = 0;
};

}  // namespace

void ForEachEligible(const SelectionInput& input, Visit visit) {
  Chunks chunks(visit);
  if (input.list.has_value()) {
    for (const uint32_t prompt : *input.list) {
      if (input.IsEligible(prompt)) chunks.Add(prompt);
    }
    chunks.Flush();
    return;
  }
  const std::vector<bool>* matching = input.matching_sets;
  const uint32_t words = (input.population->size() + 63) / 64;
  for (uint32_t word = 0; word < words; ++word) {
    uint64_t bits = input.population->free_bits(word);
    for (; bits != 0; bits &= bits - 1) {
      const uint32_t prompt =
          word * 64 + static_cast<uint32_t>(std::countr_zero(bits));
      if (matching == nullptr ||
          (*matching)[input.population->label_set(prompt)]) {
        chunks.Add(prompt);
      }
    }
  }
  chunks.Flush();
}

}  // namespace vade::sampling
