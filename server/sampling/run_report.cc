// Reports of a run: found and checked first, all of them, then applied.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "server/sampling/error.h"
#include "server/sampling/reward_rule.h"
#include "server/sampling/run.h"

namespace vade::sampling {

struct Run::ReportedGroup {
  const GroupReport* report;
  Batch* batch;
  uint32_t position;
};

namespace {

using storage::GroupState;

// Notes rollout `index` as reported. False if it was already.
bool MarkReported(storage::GroupRecord& group, uint32_t index) {
  const size_t word = index / 64;
  const uint64_t bit = uint64_t{1} << (index % 64);
  if (group.reported.size() <= word) group.reported.resize(word + 1, 0);
  if ((group.reported[word] & bit) != 0) return false;
  group.reported[word] |= bit;
  return true;
}

absl::Status IndexOutOfRange(const std::string& field, uint32_t index,
                             uint32_t group_size) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "ROLLOUT_INDEX_OUT_OF_RANGE",
      absl::StrCat(field, ": got rollout index ", index,
                   "; must be below the batch's group size, ", group_size),
      {{"field", field},
       {"value", absl::StrCat(index)},
       {"group_size", absl::StrCat(group_size)}});
}

}  // namespace

absl::StatusOr<ReportResult> Run::Report(
    const std::vector<BatchReport>& reports, absl::Time now) {
  if (absl::Status s = CheckAlive(); !s.ok()) return s;
  ExpireDue(now);
  absl::StatusOr<std::vector<ReportedGroup>> groups = Resolve(reports);
  if (!groups.ok()) return groups.status();
  ReportResult result;
  for (const ReportedGroup& group : *groups) ApplyGroup(group, now, result);
  ForgetOld(now);
  return result;
}

std::optional<uint32_t> Run::FindPosition(const Batch& batch,
                                          const std::string& prompt_id,
                                          Positions& positions) const {
  const std::vector<storage::BatchEntry>& entries = batch.record.entries;
  const uint32_t next = positions.next;
  if (next < entries.size() &&
      prompts_.id(entries[next].prompt_index) == prompt_id) {
    ++positions.next;
    return next;
  }
  const std::optional<uint32_t> live = prompts_.Find(prompt_id);
  if (live.has_value()) {
    const auto [sequence, position] = prompts_.LastDeal(*live);
    if (sequence == batch.sequence()) {
      positions.next = position + 1;
      return position;
    }
  }
  // An earlier batch of the prompt, or one of a deleted prompt of this id. All
  // ids of a batch are different, since all its prompts lived at the deal.
  if (positions.by_id.empty()) {
    for (uint32_t i = 0; i < entries.size(); ++i) {
      positions.by_id[prompts_.id(entries[i].prompt_index)] = i;
    }
  }
  const auto found = positions.by_id.find(prompt_id);
  if (found == positions.by_id.end()) return std::nullopt;
  return found->second;
}

absl::StatusOr<std::vector<Run::ReportedGroup>> Run::Resolve(
    const std::vector<BatchReport>& reports) {
  std::vector<ReportedGroup> groups;
  for (size_t b = 0; b < reports.size(); ++b) {
    absl::StatusOr<Batch*> batch = FindBatch(reports[b].batch_id);
    if (!batch.ok()) return batch.status();
    Positions positions;
    for (size_t g = 0; g < reports[b].groups.size(); ++g) {
      const GroupReport& report = reports[b].groups[g];
      const auto field = [b, g] {
        return absl::StrCat("reports[", b, "].groups[", g, "]");
      };
      if (g % kPrefetched == 0) {
        PrefetchPrompts(**batch, positions.next, reports[b].groups.size() - g);
      }
      const std::optional<uint32_t> position =
          FindPosition(**batch, report.prompt_id, positions);
      if (!position.has_value()) {
        return MakeError(
            absl::StatusCode::kNotFound, "PROMPT_NOT_IN_BATCH",
            absl::StrCat(field(), ".prompt_id: got '", report.prompt_id,
                         "'; batch '", reports[b].batch_id,
                         "' has no such prompt"),
            {{"batch", reports[b].batch_id}, {"prompt", report.prompt_id}});
      }
      if (absl::Status s = CheckRollouts(report, **batch, field); !s.ok()) {
        return s;
      }
      groups.push_back({&report, *batch, *position});
    }
  }
  return groups;
}

absl::Status Run::CheckRollouts(const GroupReport& report, const Batch& batch,
                                absl::FunctionRef<std::string()> field) const {
  const uint32_t group_size = batch.record.group_size;
  const storage::RewardRule& rule = record_.settings.reward_rule;
  for (size_t i = 0; i < report.rewards.size(); ++i) {
    const RolloutReward& rollout = report.rewards[i];
    const auto name = [&] {
      return absl::StrCat(field(), ".rewards[", i, "]");
    };
    if (rollout.rollout_index >= group_size) {
      return IndexOutOfRange(name(), rollout.rollout_index, group_size);
    }
    if (!SuccessOf(rule, rollout.reward).has_value()) {
      return MakeError(absl::StatusCode::kInvalidArgument, "REWARD_OUT_OF_RULE",
                       absl::StrCat(name(), ": got ", rollout.reward, "; ",
                                    DescribeRule(rule)),
                       {{"field", name()},
                        {"value", absl::StrCat(rollout.reward)},
                        {"rule", DescribeRule(rule)}});
    }
  }
  for (size_t i = 0; i < report.failed.size(); ++i) {
    if (report.failed[i] < group_size) continue;
    return IndexOutOfRange(
        absl::StrCat(field(), ".failed_rollout_indexes[", i, "]"),
        report.failed[i], group_size);
  }
  return absl::OkStatus();
}

void Run::ApplyGroup(const ReportedGroup& reported, absl::Time now,
                     ReportResult& result) {
  Batch& batch = *reported.batch;
  const uint32_t position = reported.position;
  const storage::BatchEntry& entry = batch.record.entries[position];
  storage::GroupRecord& group = batch.groups[position];
  const storage::GroupRecord before = group;
  storage::PromptState prompt = prompts_.State(entry.prompt_index);
  uint32_t duplicates = 0;
  double successes = 0;

  for (const RolloutReward& rollout : reported.report->rewards) {
    if (!MarkReported(group, rollout.rollout_index)) {
      ++duplicates;
      continue;
    }
    if (group.rewards == 0) group.first_reward = rollout.reward;
    group.varied |= rollout.reward != group.first_reward;
    const double success =
        *SuccessOf(record_.settings.reward_rule, rollout.reward);
    ++group.rewards;
    group.successes += success;
    successes += success;
    stats_.CountRollout(entry, success);
  }
  for (const uint32_t index : reported.report->failed) {
    MarkReported(group, index) ? ++group.failed : ++duplicates;
  }

  const uint32_t accepted = group.rewards - before.rewards;
  prompt.rollouts += accepted;
  prompt.successes += successes;
  stats_.CountRollouts(batch.record.clock, accepted, successes);
  const uint32_t failed = group.failed - before.failed;
  const bool late = before.state != GroupState::kInFlight;
  const bool superseded = !prompts_.present(entry.prompt_index) ||
                          batch.sequence() < prompt.base_sequence;
  if (accepted > 0 && !superseded) UpdateEvidence(batch, position, prompt);
  if (accepted > 0) prompts_.SetState(entry.prompt_index, prompt);
  // Where this batch is the prompt's newest, the group has its state.
  if (accepted > 0 && prompt.dealt_sequence != batch.sequence()) {
    TouchPrompt(entry.prompt_index);
  }
  const bool complete = reported.report->final ||
                        group.rewards + group.failed == batch.record.group_size;
  if (complete && group.state == GroupState::kInFlight) {
    FreeGroup(batch, position, GroupState::kCompleted);
  } else if (complete) {
    group.state = GroupState::kCompleted;
  }
  const bool completed = group.state == GroupState::kCompleted &&
                         before.state != GroupState::kCompleted;
  stats_.CountGroup(batch.record.clock, before, group);
  EndIfComplete(batch, now);

  progress_.failed_rollouts += failed;
  progress_.duplicate_rollouts += duplicates;
  progress_.late_rollouts += late ? accepted + failed : 0;
  progress_.superseded_rollouts += superseded ? accepted + failed : 0;
  result.accepted += accepted;
  result.failed += failed;
  result.duplicate += duplicates;
  result.late += late ? accepted + failed : 0;
  result.superseded += superseded ? accepted + failed : 0;
  result.completed_groups += completed;
  result.zero_variance_groups +=
      completed && group.rewards > 0 && !group.varied;
  TouchGroup(batch, position);
}

// Evidence is a fold over the prompt's reported groups in the order of their
// deals. Each group keeps the evidence from before it, so a group that gets
// more rollouts, or its first ones late, is folded again from there, with the
// few groups after it; whatever the order of reports, the result is the same.
void Run::UpdateEvidence(Batch& batch, uint32_t position,
                         storage::PromptState& prompt) {
  const uint32_t index = batch.record.entries[position].prompt_index;
  absl::InlinedVector<std::pair<Batch*, uint32_t>, 1> groups = {
      {&batch, position}};
  if (prompt.evidence_sequence > batch.sequence()) {
    const auto later = LaterGroups(index, batch.sequence());
    groups.insert(groups.end(), later.begin(), later.end());
  }
  storage::GroupRecord& first = batch.groups[position];
  Evidence evidence = {first.before_alpha, first.before_beta};
  double clock = first.before_clock;
  if (!first.in_evidence && groups.size() > 1) {
    const storage::GroupRecord& next =
        groups[1].first->groups[groups[1].second];
    evidence = {next.before_alpha, next.before_beta};
    clock = next.before_clock;
  } else if (!first.in_evidence) {
    evidence = {prompt.alpha, prompt.beta};
    clock = prompt.evidence_clock;
  }
  const storage::RunSettings& settings = record_.settings;
  for (const auto& [at, where] : groups) {
    storage::GroupRecord& group = at->groups[where];
    group.in_evidence = true;
    group.before_alpha = evidence.alpha;
    group.before_beta = evidence.beta;
    group.before_clock = clock;
    evidence = Observe(
        Fade(evidence, clock, at->record.clock, settings.unselected_decay),
        group.successes, group.rewards - group.successes,
        settings.selected_decay);
    clock = at->record.clock;
    prompt.evidence_sequence =
        std::max(prompt.evidence_sequence, at->sequence());
    TouchGroup(*at, where);
  }
  prompt.alpha = evidence.alpha;
  prompt.beta = evidence.beta;
  prompt.evidence_clock = clock;
  RaiseMaxEvidence(evidence);
}

std::vector<std::pair<Batch*, uint32_t>> Run::LaterGroups(uint32_t index,
                                                          uint64_t after) {
  std::vector<std::pair<Batch*, uint32_t>> found;
  const uint64_t newest = prompts_.State(index).evidence_sequence;
  for (uint64_t sequence = after + 1; sequence <= newest; ++sequence) {
    Batch* batch = batches_.Find(sequence);
    if (batch == nullptr) continue;
    const std::vector<storage::BatchEntry>& entries = batch->record.entries;
    for (uint32_t i = 0; i < entries.size(); ++i) {
      if (entries[i].prompt_index != index) continue;
      if (batch->groups[i].in_evidence) found.emplace_back(batch, i);
      break;
    }
  }
  return found;
}

}  // namespace vade::sampling
