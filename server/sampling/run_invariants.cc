// The check of everything that ties the parts of a run together.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/sampling/run.h"

namespace vade::sampling {
namespace {

using storage::GroupState;

absl::Status Broken(absl::string_view what, absl::string_view where) {
  return absl::InternalError(
      absl::StrCat("invariant: ", what, " (", where, ")"));
}

uint32_t CountReported(const storage::GroupRecord& group) {
  uint32_t count = 0;
  for (const uint64_t word : group.reported) {
    count += static_cast<uint32_t>(__builtin_popcountll(word));
  }
  return count;
}

absl::Status CheckGroup(const Batch& batch, const storage::GroupRecord& group,
                        const std::string& where) {
  if (CountReported(group) != group.rewards + group.failed) {
    return Broken("every rollout reported counts once", where);
  }
  if (group.rewards + group.failed > batch.record.group_size) {
    return Broken("a group has at most group_size rollouts", where);
  }
  if (group.successes < 0 || group.successes > group.rewards) {
    return Broken("successes are in [0, rewards]", where);
  }
  if (group.state == GroupState::kInFlight &&
      (batch.ended() ||
       group.rewards + group.failed == batch.record.group_size)) {
    return Broken("a full or ended group is not in flight", where);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Run::CheckInvariants() const {
  if (deleted_) return absl::OkStatus();
  std::vector<uint32_t> leased(prompts_.size(), 0);
  uint64_t deals = 0;
  uint64_t batches_in_flight = 0;
  for (uint64_t sequence = batches_.oldest_sequence();
       sequence < batches_.end_sequence(); ++sequence) {
    const Batch& batch = *batches_.Find(sequence);
    uint32_t in_flight = 0;
    deals += batch.groups.size();
    for (size_t i = 0; i < batch.groups.size(); ++i) {
      const std::string where = absl::StrCat("batch ", sequence, "[", i, "]");
      const storage::GroupRecord& group = batch.groups[i];
      if (absl::Status s = CheckGroup(batch, group, where); !s.ok()) return s;
      if (group.state != GroupState::kInFlight) continue;
      ++in_flight;
      if (++leased[batch.record.entries[i].prompt_index] > 1) {
        return Broken("a prompt is in flight once", where);
      }
    }
    const std::string where = absl::StrCat("batch ", sequence);
    if (batch.sequence() != sequence) {
      return Broken("sequences have no gaps", where);
    }
    if (in_flight != batch.in_flight) {
      return Broken("a batch counts its groups in flight", where);
    }
    if (batch.ended() == (in_flight > 0)) {
      return Broken("a batch ends with its last group", where);
    }
    batches_in_flight += !batch.ended();
  }
  if (absl::Status s = CheckPrompts(leased); !s.ok()) return s;
  if (absl::Status s = CheckForgotten(); !s.ok()) return s;
  if (deals != batches_.deals() || batches_in_flight != batches_.in_flight() ||
      batches_.end_sequence() != progress_.next_sequence ||
      batches_.oldest_sequence() != progress_.oldest_sequence) {
    return Broken("counts of batches are right", record_.id);
  }
  return absl::OkStatus();
}

absl::Status Run::CheckPrompts(const std::vector<uint32_t>& leased) const {
  std::vector<PromptCounts> by_set(prompts_.label_sets().size());
  PromptCounts all;
  uint64_t in_flight = 0;
  for (uint32_t index = 0; index < prompts_.size(); ++index) {
    if (!prompts_.present(index)) {
      if (!prompts_.population().free(index)) continue;
      return Broken("an absent prompt is not free", absl::StrCat(index));
    }
    const PromptCounts counts = CountsOf(index);
    by_set[prompts_.label_set(index)] += counts;
    all += counts;
    in_flight += prompts_.in_flight(index);
    const std::string where = absl::StrCat("prompt '", prompts_.id(index), "'");
    if (prompts_.population().free(index) != (counts.free() > 0)) {
      return Broken("who can be dealt is free", where);
    }
    if (prompts_.in_flight(index) != (leased[index] > 0)) {
      return Broken("a prompt is in flight while a batch leases it", where);
    }
    if (prompts_.Find(prompts_.id(index)) != index) {
      return Broken("ids lead to their prompts", where);
    }
    if (absl::Status s = CheckEvidence(index, where); !s.ok()) return s;
  }
  if (all != prompts_.counts() || in_flight != prompts_.in_flight() ||
      all.free() != prompts_.population().free_count()) {
    return Broken("counts of prompts are right", record_.id);
  }
  for (uint32_t set = 0; set < by_set.size(); ++set) {
    if (by_set[set] == prompts_.label_sets().counts(set)) continue;
    return Broken("counts of each set of labels are right", record_.id);
  }
  return absl::OkStatus();
}

absl::Status Run::CheckForgotten() const {
  for (const auto& [sequence, states] : forgotten_.all()) {
    const std::string where = absl::StrCat("states of batch ", sequence);
    if (sequence >= batches_.oldest_sequence()) {
      return Broken("only forgotten batches have states", where);
    }
    if (CountDealtLast(sequence, states.prompts) != states.newest) {
      return Broken("states that are the newest are counted", where);
    }
  }
  return absl::OkStatus();
}

PromptCounts Run::CountsOf(uint32_t index) const {
  const storage::PromptState state = prompts_.State(index);
  PromptCounts counts;
  counts.present = 1;
  if (!prompts_.enabled(index)) {
    counts.disabled = 1;
  } else if (prompts_.in_flight(index)) {
    counts.in_flight = 1;
  } else if (state.deals > 0 &&
             clock() - state.dealt_clock < record_.settings.cooldown) {
    counts.cooling_down = 1;
  }
  return counts;
}

absl::Status Run::CheckEvidence(uint32_t index,
                                const std::string& where) const {
  const HotState& hot = prompts_.population().hot(index);
  if (!(hot.alpha >= 0) || !(hot.beta >= 0)) {
    return Broken("evidence is not negative", where);
  }
  if (hot.alpha + hot.beta > progress_.max_evidence) {
    return Broken("no evidence is above the maximum", where);
  }
  if (hot.clock > clock()) {
    return Broken("evidence is not from the future", where);
  }
  return absl::OkStatus();
}

}  // namespace vade::sampling
