#include "server/sampling/shuffle_selector.h"

#include <algorithm>
#include <cstddef>
#include <tuple>
#include <vector>

#include "server/sampling/random.h"

namespace vade::sampling {
namespace {

struct Place {
  uint64_t key;
  uint32_t prompt;

  friend bool operator<(const Place& a, const Place& b) {
    return std::tie(a.key, a.prompt) < std::tie(b.key, b.prompt);
  }
};

// The first `count` of `prompts` in the order of pass `pass`.
std::vector<Place> FirstOfPass(uint64_t seed, uint32_t pass,
                               const std::vector<uint32_t>& prompts,
                               size_t count) {
  std::vector<Place> places;
  places.reserve(prompts.size());
  for (const uint32_t prompt : prompts) {
    places.push_back({ShuffleKey(seed, pass, prompt), prompt});
  }
  const size_t kept = std::min(count, places.size());
  std::partial_sort(places.begin(), places.begin() + kept, places.end());
  places.resize(kept);
  return places;
}

}  // namespace

uint64_t ShuffleKey(uint64_t seed, uint32_t pass, uint32_t prompt) {
  return RandomStream(seed, pass, prompt, Purpose::kShuffle).Bits();
}

Selection ShuffleSelector::Select(const SelectionInput& input) const {
  Selection selection;
  selection.current_pass = input.current_pass;
  const size_t count = static_cast<size_t>(
      std::min<uint64_t>(input.count, input.eligible_count));

  std::vector<uint32_t> due;
  std::vector<uint32_t> dealt;
  ForEachEligible(input, [&](absl::Span<const uint32_t> prompts) {
    for (const uint32_t prompt : prompts) {
      const uint32_t pass = input.population->pass(prompt);
      (pass < input.current_pass ? due : dealt).push_back(prompt);
    }
  });

  const auto deal = [&](const std::vector<uint32_t>& prompts) {
    const size_t wanted = count - selection.picks.size();
    for (const Place& place :
         FirstOfPass(input.seed, selection.current_pass, prompts, wanted)) {
      const double mean = PosteriorMean(input.EvidenceOf(place.prompt));
      selection.picks.push_back(
          {place.prompt, mean, objective_.Score(mean), selection.current_pass});
    }
  };
  selection.picks.reserve(count);
  deal(due);
  if (selection.picks.size() < count) {
    ++selection.current_pass;
    deal(dealt);
  }
  return selection;
}

}  // namespace vade::sampling
