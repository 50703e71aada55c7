#include "server/sampling/forgotten_batches.h"

#include <algorithm>

namespace vade::sampling {

void ForgottenBatches::Add(uint64_t sequence, std::vector<uint32_t> prompts) {
  States& states = states_[sequence];
  states.newest = static_cast<uint32_t>(prompts.size());
  states.prompts = std::move(prompts);
  changed_.insert(sequence);
}

void ForgottenBatches::Load(uint64_t sequence, std::vector<uint32_t> prompts) {
  states_[sequence].prompts = std::move(prompts);
}

void ForgottenBatches::Count(
    absl::FunctionRef<uint32_t(uint64_t sequence,
                               const std::vector<uint32_t>& prompts)>
        newest) {
  for (auto& [sequence, states] : states_) {
    states.newest = newest(sequence, states.prompts);
    if (IsDue(states)) due_.push_back(sequence);
  }
  // The order of what is written follows from what is stored alone.
  std::sort(due_.begin(), due_.end());
}

void ForgottenBatches::Leave(uint64_t sequence) {
  const auto found = states_.find(sequence);
  if (found == states_.end()) return;
  const bool was_due = IsDue(found->second);
  --found->second.newest;
  if (!was_due && IsDue(found->second)) due_.push_back(sequence);
}

void ForgottenBatches::Renew(size_t count) {
  for (; count > 0 && !due_.empty(); due_.pop_front()) {
    const auto found = states_.find(due_.front());
    if (found == states_.end() || !IsDue(found->second)) continue;
    changed_.insert(due_.front());
    --count;
  }
}

std::vector<uint64_t> ForgottenBatches::TakeChanged() {
  std::vector<uint64_t> taken(changed_.begin(), changed_.end());
  changed_.clear();
  return taken;
}

void ForgottenBatches::Set(uint64_t sequence, std::vector<uint32_t> prompts) {
  if (prompts.empty()) {
    states_.erase(sequence);
    return;
  }
  prompts.shrink_to_fit();
  States& states = states_[sequence];
  states.newest = static_cast<uint32_t>(prompts.size());
  states.prompts = std::move(prompts);
}

}  // namespace vade::sampling
