// The proof that two selectors deal from one distribution of batches: both make
// many batches from one state, with different random numbers, and everything
// that could give a difference away is compared. Meant for a clever selector
// against an obvious one.
//
// Frequencies alone are not enough: a selector that gets the *scores* of its
// batch wrong, but their order right, deals every prompt as often as it should.
// The distributions of the deficits and joint counts see what they do not.
//
// Pure functions of their arguments, thread-safe.
#ifndef VADE_TESTS_SAMPLING_SELECTION_PROOF_H_
#define VADE_TESTS_SAMPLING_SELECTION_PROOF_H_

#include <cstdint>
#include <string>
#include <vector>

#include "server/sampling/objective.h"
#include "server/sampling/selector.h"

namespace vade::sampling {

// How many batches a full proof makes; a build with sanitizers makes fewer.
#ifndef VADE_PROOF_CALLS
#define VADE_PROOF_CALLS 100000
#endif
inline constexpr uint64_t kFullProofCalls = VADE_PROOF_CALLS;
// What a proof of so many batches makes of a mutant that forgets to exclude
// what it swept: a tenth of the batches see a third of the standard deviations.
constexpr double MutantP(uint64_t calls) {
  if (calls >= 100'000) return 1e-50;
  return calls >= 30'000 ? 1e-15 : 1e-4;
}

// The state to select from, over and over.
struct ProofState {
  Population population;
  // The prompts that are free, ascending.
  std::vector<uint32_t> eligible;
};

// All of `size` prompts with no evidence.
ProofState FreshState(uint32_t size);

// What `size` prompts look like after `steps` batches of `batch` prompts dealt
// by vade with groups of eight, pass rates being spread over [0, 1]. A tenth of
// the prompts is in flight, so not eligible.
ProofState TrainedState(uint32_t size, uint32_t batch, uint32_t steps);

// What a selector did in `calls` batches.
struct ProofRecord {
  uint32_t batch = 0;
  uint64_t calls = 0;
  // In how many batches each eligible prompt was.
  std::vector<uint64_t> dealt;
  // In how many batches each pair of neighbouring prompts was.
  std::vector<uint64_t> dealt_together;
  // Deficits of the 1st, the B/2-th and the B-th pick of each batch.
  std::vector<double> first_deficits;
  std::vector<double> middle_deficits;
  std::vector<double> last_deficits;
  // Pass rate of the B/2-th pick, which tells the sides of the mode apart.
  std::vector<double> middle_estimates;
};

// Lets `selector` make `calls` batches of `batch` prompts, sequence numbers 0
// and up. Fails the test case if a batch is not what a batch must be: `batch`
// different eligible prompts in order of deficit.
ProofRecord RecordSelections(const Selector& selector,
                             const Objective& objective,
                             const ProofState& state, uint32_t batch,
                             uint64_t calls, uint64_t seed);

// p-values of the comparisons of two records, equal in batch and calls.
struct ProofResult {
  double dealt_p = 1;
  double dealt_together_p = 1;
  double first_deficit_p = 1;
  double middle_deficit_p = 1;
  double last_deficit_p = 1;
  double middle_estimate_p = 1;

  // All of them in one: below r with probability r at most for equal
  // distributions (Bonferroni).
  double Combined() const;
  std::string ToString() const;
};

ProofResult CompareRecords(const ProofRecord& a, const ProofRecord& b);

// On a fresh run the length of the pass rates better than the worst dealt
// follows Beta(B, N - B + 1). The p-value of that for `record`, which is of
// FreshState(size). It needs no second
// selector, whose own chance would blur the comparison.
double CoveredLengthP(const ProofRecord& record, const Objective& objective,
                      uint32_t size);

// The share of [0, 1] with a deficit of at most `deficit`.
double CoveredLength(const Objective& objective, double deficit);

}  // namespace vade::sampling

#endif  // VADE_TESTS_SAMPLING_SELECTION_PROOF_H_
