#include "server/sampling/sweep_selector.h"

#include <algorithm>
#include <utility>

#include "server/sampling/scan.h"
#include "server/sampling/sweep.h"

namespace vade::sampling {
namespace {

// With fewer prompts than this for each that is wanted, a scan is quicker.
constexpr uint64_t kLeastPromptsPerPick = 64;

}  // namespace

SweepSelector::SweepSelector(Objective objective, const Kernels& kernels)
    : objective_(objective), kernels_(kernels), stages_(objective, kernels) {}

Selection SweepSelector::Select(const SelectionInput& input) const {
  Selection selection;
  selection.current_pass = input.current_pass;
  const uint64_t wanted = std::min<uint64_t>(input.count, input.eligible_count);
  selection.picks.reserve(wanted);
  Swept swept;
  if (input.eligible_count >= kLeastPromptsPerPick * wanted && wanted > 0) {
    swept = RunSweep(input, objective_, kernels_,
                     stages_.For(input.max_evidence), selection.picks);
  }
  const uint64_t missing = wanted - selection.picks.size();
  if (missing > 0) {
    const double guess =
        GuessDeficit(input, objective_, kernels_, swept, missing);
    RunScan(input, objective_, kernels_, std::move(swept), guess,
            selection.picks);
  }
  return selection;
}

}  // namespace vade::sampling
