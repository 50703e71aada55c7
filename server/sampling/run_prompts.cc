// Prompts of a run: import, change, delete, describe.
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "server/sampling/error.h"
#include "server/sampling/run.h"
#include "storage/encoding.h"
#include "storage/keys.h"

namespace vade::sampling {

absl::Status Run::CheckImport(const ImportRequest& request) const {
  absl::flat_hash_set<absl::string_view> fresh;
  for (const PromptSpec& spec : request.prompts) {
    const bool exists =
        prompts_.Find(spec.id).has_value() || !fresh.insert(spec.id).second;
    if (exists && request.existing == ExistingPrompts::kFail) {
      return MakeError(absl::StatusCode::kAlreadyExists, "PROMPT_EXISTS",
                       absl::StrCat("prompt '", spec.id, "' exists already"),
                       {{"prompt", spec.id}});
    }
  }
  if (prompts_.size() + fresh.size() > limits_.prompts) {
    return MakeError(absl::StatusCode::kResourceExhausted, "TOO_MANY_PROMPTS",
                     absl::StrCat("a run holds at most ", limits_.prompts,
                                  " prompts, deleted ones included"),
                     {{"rule", absl::StrCat(limits_.prompts)}});
  }
  return absl::OkStatus();
}

absl::StatusOr<ImportResult> Run::Import(const ImportRequest& request,
                                         absl::Time now) {
  if (absl::Status s = CheckAlive(); !s.ok()) return s;
  ExpireDue(now);
  if (absl::Status s = CheckImport(request); !s.ok()) return s;
  ImportResult result;
  for (const PromptSpec& spec : request.prompts) {
    const std::optional<uint32_t> known = prompts_.Find(spec.id);
    if (!known.has_value()) {
      CreatePrompt(spec);
      ++result.created;
    } else if (request.existing == ExistingPrompts::kSkip) {
      ++result.skipped;
    } else {
      ChangePrompt(*known, spec);
      ++result.updated;
    }
  }
  ++eligible_version_;
  return result;
}

void Run::CreatePrompt(const PromptSpec& spec) {
  storage::PromptInfo info;
  info.id = spec.id;
  info.labels = spec.labels;
  info.enabled = spec.enabled;
  info.payload_bytes = static_cast<uint32_t>(spec.payload.size());
  const uint32_t index = prompts_.Add(info);
  PutPromptInfo(index, info);
  if (!spec.payload.empty()) PutPayload(index, spec.payload);
  progress_.next_prompt_index = prompts_.size();
  progress_dirty_ = true;
  const storage::RunSettings& settings = record_.settings;
  const Evidence evidence = spec.evidence.value_or(
      Evidence{settings.starting_alpha, settings.starting_beta});
  if (evidence == Evidence()) return;  // the state is as by default
  storage::PromptState state = prompts_.State(index);
  state.alpha = evidence.alpha;
  state.beta = evidence.beta;
  state.evidence_clock = clock() - 1;
  prompts_.SetState(index, state);
  RaiseMaxEvidence(evidence);
  TouchPrompt(index);
}

void Run::ChangePrompt(uint32_t index, const PromptSpec& spec) {
  storage::PromptInfo info = prompts_.Info(index);
  const bool had_payload = info.payload_bytes > 0;
  info.labels = spec.labels;
  info.enabled = spec.enabled;
  info.payload_bytes = static_cast<uint32_t>(spec.payload.size());
  prompts_.SetInfo(index, info);
  PutPromptInfo(index, info);
  if (had_payload || !spec.payload.empty()) PutPayload(index, spec.payload);
  if (spec.evidence.has_value()) SetEvidence(index, *spec.evidence);
}

void Run::PutPromptInfo(uint32_t index, const storage::PromptInfo& info) {
  const std::string key = storage::PromptInfoKey(record_.number, index);
  pending_.Put(key, storage::Encode(key, info));
}

void Run::PutPayload(uint32_t index, const std::string& payload) {
  const std::string key = storage::PayloadKey(record_.number, index);
  if (payload.empty()) {
    pending_.Delete(key);
  } else {
    pending_.Put(key, storage::EncodePayload(key, payload));
  }
}

void Run::SetEvidence(uint32_t index, Evidence evidence) {
  storage::PromptState state = prompts_.State(index);
  state.alpha = evidence.alpha;
  state.beta = evidence.beta;
  state.evidence_clock = clock() - 1;
  state.evidence_sequence = 0;
  state.base_sequence = batches_.end_sequence();
  prompts_.SetState(index, state);
  RaiseMaxEvidence(evidence);
  TouchPrompt(index);
}

void Run::RaiseMaxEvidence(Evidence evidence) {
  const double sum = evidence.alpha + evidence.beta;
  if (!(sum > progress_.max_evidence)) return;
  progress_.max_evidence = sum;
  progress_dirty_ = true;
}

absl::StatusOr<PromptInfo> Run::UpdatePrompt(const PromptChange& change,
                                             absl::Time now) {
  if (absl::Status s = CheckAlive(); !s.ok()) return s;
  ExpireDue(now);
  const std::optional<uint32_t> index = prompts_.Find(change.id);
  if (!index.has_value()) return PromptNotFound(change.id);
  storage::PromptInfo info = prompts_.Info(*index);
  if (change.enabled) info.enabled = *change.enabled;
  if (change.labels) info.labels = *change.labels;
  if (change.payload) {
    info.payload_bytes = static_cast<uint32_t>(change.payload->size());
    PutPayload(*index, *change.payload);
  }
  prompts_.SetInfo(*index, info);
  PutPromptInfo(*index, info);
  if (change.evidence) SetEvidence(*index, *change.evidence);
  ++eligible_version_;
  return DescribePrompt(*index);
}

absl::Status Run::DeletePrompt(const std::string& prompt_id, absl::Time now) {
  if (absl::Status s = CheckAlive(); !s.ok()) return s;
  ExpireDue(now);
  const std::optional<uint32_t> index = prompts_.Find(prompt_id);
  if (!index.has_value()) return PromptNotFound(prompt_id);
  const uint64_t dealt = prompts_.LastDeal(*index).first;
  const bool remembered = dealt >= batches_.oldest_sequence() && dealt > 0;
  if (!remembered) forgotten_.Leave(dealt);
  prompts_.Bury(*index);
  PutPayload(*index, "");
  pending_.Delete(storage::PromptStateKey(record_.number, *index));
  if (remembered) {
    // Batches name it still: the id stays until they are forgotten.
    PutPromptInfo(*index, prompts_.Info(*index));
  } else {
    pending_.Delete(storage::PromptInfoKey(record_.number, *index));
  }
  ++eligible_version_;  // a waiting call may have too small a pool now
  return absl::OkStatus();
}

Evidence Run::EvidenceNow(uint32_t index) const {
  const HotState& hot = prompts_.population().hot(index);
  return Fade({hot.alpha, hot.beta}, hot.clock, clock(),
              record_.settings.unselected_decay);
}

PromptInfo Run::DescribePrompt(uint32_t index) const {
  const storage::PromptState state = prompts_.State(index);
  PromptInfo info;
  info.index = index;
  info.id = std::string(prompts_.id(index));
  info.labels = prompts_.labels(index);
  info.enabled = prompts_.enabled(index);
  info.in_flight = prompts_.in_flight(index);
  info.payload_bytes = prompts_.payload_bytes(index);
  info.evidence = EvidenceNow(index);
  info.posterior_mean = PosteriorMean(info.evidence);
  info.expected_egr =
      EffectiveGroupProbability(info.evidence, record_.settings.group_size);
  info.deals = state.deals;
  info.rollouts = state.rollouts;
  info.successes = state.successes;
  if (state.dealt_sequence == 0) return info;
  info.last_batch = FormatBatchId(record_.epoch, state.dealt_sequence);
  info.last_dealt_clock = state.dealt_clock;
  if (const Batch* batch = batches_.Find(state.dealt_sequence)) {
    const storage::BatchEntry& entry =
        batch->record.entries[state.dealt_position];
    info.last_draw = entry.estimate;
    info.last_score = entry.score;
  }
  return info;
}

absl::StatusOr<PromptInfo> Run::GetPrompt(const std::string& prompt_id) const {
  if (absl::Status s = CheckAlive(); !s.ok()) return s;
  const std::optional<uint32_t> index = prompts_.Find(prompt_id);
  if (!index.has_value()) return PromptNotFound(prompt_id);
  return DescribePrompt(*index);
}

}  // namespace vade::sampling
