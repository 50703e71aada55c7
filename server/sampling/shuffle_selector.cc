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
  uint32_t position;

  friend bool operator<(const Place& a, const Place& b) {
    return std::tie(a.key, a.position) < std::tie(b.key, b.position);
  }
};

// The first `count` of `positions` in the order of pass `pass`.
std::vector<Place> FirstOfPass(const SelectionInput& input, uint32_t pass,
                               const std::vector<uint32_t>& positions,
                               size_t count) {
  std::vector<Place> places;
  places.reserve(positions.size());
  for (const uint32_t position : positions) {
    places.push_back(
        {ShuffleKey(input.seed, pass, input.eligible[position]), position});
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
  const uint32_t size = static_cast<uint32_t>(input.eligible.size());
  const uint32_t count = std::min(input.count, size);

  std::vector<uint32_t> due;
  std::vector<uint32_t> dealt;
  for (uint32_t position = 0; position < size; ++position) {
    const uint32_t pass = input.passes.empty() ? 0 : input.passes[position];
    (pass < input.current_pass ? due : dealt).push_back(position);
  }

  const auto deal = [&](const std::vector<uint32_t>& positions) {
    const size_t wanted = count - selection.picks.size();
    for (const Place& place :
         FirstOfPass(input, selection.current_pass, positions, wanted)) {
      const double mean = PosteriorMean(input.evidence[place.position]);
      selection.picks.push_back({place.position, mean, objective_.Score(mean),
                                 selection.current_pass});
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
