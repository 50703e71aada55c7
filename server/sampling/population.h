// Population: what a selector looks at of every prompt of a run, dense and by
// index: evidence, whether the prompt is free to be dealt, its set of labels,
// its pass. Storage comes in chunks, so growth never copies and never holds
// anything twice. Owned by a PromptTable; thread-compatible.
#ifndef VADE_SERVER_SAMPLING_POPULATION_H_
#define VADE_SERVER_SAMPLING_POPULATION_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "server/sampling/lazy_column.h"

namespace vade::sampling {

// The hot part of a prompt's state: evidence just after the step at `clock`.
struct HotState {
  double alpha = 0;
  double beta = 0;
  double clock = -1;

  friend bool operator==(const HotState&, const HotState&) = default;
};

class Population {
 public:
  static constexpr uint32_t kChunk = 4096;  // prompts a chunk

  // One above the highest index, absent prompts included.
  uint32_t size() const { return size_; }

  const HotState& hot(uint32_t index) const {
    return chunks_[index / kChunk].get()[index % kChunk];
  }
  // The prompts from c * kChunk on, for scans. Those from size() to the end of
  // the last word of free_bits() are there, and default.
  const HotState* chunk(uint32_t c) const { return chunks_[c].get(); }

  // Bit b of word w: prompt 64 * w + b is free. Words below (size() + 63) / 64.
  uint64_t free_bits(uint32_t word) const { return free_bits_[word]; }
  // Present, enabled, not in flight, not cooling down.
  bool free(uint32_t index) const {
    return (free_bits_[index / 64] >> (index % 64) & 1) != 0;
  }
  uint64_t free_count() const { return free_count_; }
  // So few are free that a list of them pays.
  bool MostAreBusy() const { return free_count_ * 32 < size_; }
  // Appends all free prompts, ascending.
  void AppendFree(std::vector<uint32_t>& prompts) const;

  uint32_t label_set(uint32_t index) const { return label_sets_.Get(index); }
  // The pass that dealt the prompt last, 0 for never.
  uint32_t pass(uint32_t index) const { return passes_.Get(index); }

  // A hint that hot(index) is wanted soon.
  void Prefetch(uint32_t index) const { PrefetchAll(hot(index)); }

  // Grows to `size` prompts; new ones are not free and have the default state.
  void Resize(uint32_t size);
  void SetHot(uint32_t index, const HotState& state) {
    chunks_[index / kChunk].get()[index % kChunk] = state;
  }
  void SetFree(uint32_t index, bool free);
  void SetLabelSet(uint32_t index, uint32_t set) {
    label_sets_.Set(index, set);
  }
  void SetPass(uint32_t index, uint32_t pass) { passes_.Set(index, pass); }

 private:
  static_assert(kChunk % 64 == 0);

  // Chunks are constructed word by word as the population grows: what small
  // runs do not use of them is never touched, so it is not resident.
  struct ReturnChunk {
    void operator()(HotState* chunk) const;
  };

  uint32_t size_ = 0;
  std::vector<std::unique_ptr<HotState, ReturnChunk>> chunks_;
  std::vector<uint64_t> free_bits_;
  uint64_t free_count_ = 0;
  LazyColumn<uint32_t> label_sets_;
  LazyColumn<uint32_t> passes_;
};

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_POPULATION_H_
