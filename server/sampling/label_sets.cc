#include "server/sampling/label_sets.h"

#include <algorithm>

namespace vade::sampling {
namespace {

bool MatchesTerm(const Labels& labels, const LabelTerm& term) {
  return std::any_of(labels.begin(), labels.end(), [&](const auto& label) {
    return label.first == term.key &&
           std::find(term.values.begin(), term.values.end(), label.second) !=
               term.values.end();
  });
}

}  // namespace

PromptCounts& PromptCounts::operator+=(const PromptCounts& other) {
  present += other.present;
  disabled += other.disabled;
  in_flight += other.in_flight;
  cooling_down += other.cooling_down;
  return *this;
}

PromptCounts& PromptCounts::operator-=(const PromptCounts& other) {
  present -= other.present;
  disabled -= other.disabled;
  in_flight -= other.in_flight;
  cooling_down -= other.cooling_down;
  return *this;
}

bool Matches(const Labels& labels, const LabelFilter& filter) {
  return std::all_of(filter.begin(), filter.end(), [&](const LabelTerm& term) {
    return MatchesTerm(labels, term);
  });
}

uint32_t LabelSets::Acquire(const Labels& labels) {
  const auto known = numbers_.find(labels);
  if (known != numbers_.end()) {
    ++sets_[known->second].uses;
    return known->second;
  }
  uint32_t number = static_cast<uint32_t>(sets_.size());
  if (free_.empty()) {
    sets_.emplace_back();
  } else {
    number = free_.back();
    free_.pop_back();
  }
  sets_[number] = {labels, 1, PromptCounts()};
  numbers_.emplace(labels, number);
  return number;
}

void LabelSets::Release(uint32_t set) {
  if (--sets_[set].uses > 0) return;
  numbers_.erase(sets_[set].labels);
  sets_[set].labels.clear();
  free_.push_back(set);
}

std::vector<bool> LabelSets::Match(const LabelFilter& filter) const {
  std::vector<bool> matches(sets_.size(), true);
  if (filter.empty()) return matches;
  for (size_t i = 0; i < sets_.size(); ++i) {
    matches[i] = Matches(sets_[i].labels, filter);
  }
  return matches;
}

}  // namespace vade::sampling
