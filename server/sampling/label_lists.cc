#include "server/sampling/label_lists.h"

#include <algorithm>
#include <bit>

#include "server/sampling/prompt_table.h"

namespace vade::sampling {
namespace {

// Prompts that left stay listed until half of a list are such.
constexpr uint64_t kLeastStale = 1024;

}  // namespace

void LabelLists::Created(uint32_t set) {
  if (!in_use_) return;
  if (set >= lists_.size()) lists_.resize(size_t{set} + 1);
  lists_[set] = List();
  lists_[set].kept = true;
}

void LabelLists::Joined(uint32_t set, uint32_t index) {
  if (set >= lists_.size() || !lists_[set].kept) return;
  List& list = lists_[set];
  const bool in_order = list.sorted == list.prompts.size() &&
                        (list.prompts.empty() || list.prompts.back() < index);
  list.prompts.push_back(index);
  if (in_order) ++list.sorted;
  const uint64_t present = prompts_.label_sets().counts(set).present;
  if (list.prompts.size() > 2 * present + kLeastStale) Clean(set);
}

void LabelLists::Left(uint32_t set) {
  if (set < lists_.size()) lists_[set].stale = true;
}

void LabelLists::Make(const std::vector<uint32_t>& sets) {
  in_use_ = true;
  lists_.resize(prompts_.label_sets().size());
  std::vector<bool> wanted(lists_.size());
  for (uint32_t set = 0; set < lists_.size(); ++set) {
    if (lists_[set].kept) continue;
    const uint64_t present = prompts_.label_sets().counts(set).present;
    wanted[set] = PromptTable::IsSmallPart(present, prompts_.size());
  }
  for (const uint32_t set : sets) wanted[set] = !lists_[set].kept;
  for (uint32_t set = 0; set < lists_.size(); ++set) {
    if (!wanted[set]) continue;
    lists_[set].prompts.reserve(prompts_.label_sets().counts(set).present);
  }
  for (uint32_t index = 0; index < prompts_.size(); ++index) {
    const uint32_t set = prompts_.label_set(index);
    if (!wanted[set] || !prompts_.present(index)) continue;
    lists_[set].prompts.push_back(index);
  }
  for (uint32_t set = 0; set < lists_.size(); ++set) {
    if (!wanted[set]) continue;
    lists_[set].kept = true;
    lists_[set].stale = false;
    lists_[set].sorted = lists_[set].prompts.size();
  }
}

void LabelLists::Clean(uint32_t set) {
  List& list = lists_[set];
  std::vector<uint32_t>& prompts = list.prompts;
  if (list.sorted < prompts.size()) {
    const auto tail = prompts.begin() + static_cast<ptrdiff_t>(list.sorted);
    std::sort(tail, prompts.end());
    std::inplace_merge(prompts.begin(), tail, prompts.end());
    prompts.erase(std::unique(prompts.begin(), prompts.end()), prompts.end());
  }
  if (list.stale) {
    std::erase_if(prompts, [&](uint32_t index) {
      return !prompts_.present(index) || prompts_.label_set(index) != set;
    });
  }
  list.stale = false;
  list.sorted = prompts.size();
}

absl::Span<const uint32_t> LabelLists::Get(const std::vector<uint32_t>& sets,
                                           std::vector<uint32_t>& merged) {
  if (std::any_of(sets.begin(), sets.end(), [&](uint32_t set) {
        return set >= lists_.size() || !lists_[set].kept;
      })) {
    Make(sets);
  }
  for (const uint32_t set : sets) {
    const List& list = lists_[set];
    if (list.stale || list.sorted < list.prompts.size()) Clean(set);
  }
  if (sets.empty()) return {};
  if (sets.size() == 1) return lists_[sets[0]].prompts;
  // One bit a prompt puts any number of lists in order.
  std::vector<uint64_t> listed((size_t{prompts_.size()} + 63) / 64);
  for (const uint32_t set : sets) {
    for (const uint32_t index : lists_[set].prompts) {
      listed[index / 64] |= uint64_t{1} << (index % 64);
    }
  }
  for (uint32_t word = 0; word < listed.size(); ++word) {
    for (uint64_t bits = listed[word]; bits != 0; bits &= bits - 1) {
      merged.push_back(word * 64 +
                       static_cast<uint32_t>(std::countr_zero(bits)));
    }
  }
  return merged;
}

}  // namespace vade::sampling
