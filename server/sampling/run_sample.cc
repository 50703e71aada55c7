// Sampling of a run: who is eligible, the selection, the deal.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/sampling/error.h"
#include "server/sampling/run.h"
#include "storage/encoding.h"
#include "storage/keys.h"

namespace vade::sampling {

// Which prompts match a filter, as a selector takes them.
struct Run::Candidates {
  // Those with matching labels.
  PromptCounts matching;
  // By number of a set of labels; empty if there is no filter.
  std::vector<bool> matching_sets;
  std::optional<absl::Span<const uint32_t>> list;
  std::vector<uint32_t> listed;  // room for `list`
};

namespace {

// A stable hash (FNV-1a) of the arguments that a repeat must share.
class Fingerprint {
 public:
  void Add(const std::string& text) {
    for (const char c : text) AddByte(static_cast<unsigned char>(c));
    AddByte(0xff);  // never part of UTF-8
  }
  void Add(uint64_t number) {
    for (int i = 0; i < 8; ++i) AddByte((number >> (8 * i)) & 0xff);
  }
  uint64_t value() const { return hash_; }

 private:
  void AddByte(uint64_t byte) { hash_ = (hash_ ^ byte) * 0x100000001b3; }
  uint64_t hash_ = 0xcbf29ce484222325;
};

uint64_t FingerprintOf(const SampleRequest& request) {
  Fingerprint fingerprint;
  fingerprint.Add(uint64_t{request.batch_size});
  fingerprint.Add(uint64_t{request.min_batch_size});
  for (const LabelTerm& term : request.filter) {
    fingerprint.Add(term.key);
    fingerprint.Add(uint64_t{term.values.size()});
    for (const std::string& value : term.values) fingerprint.Add(value);
  }
  return fingerprint.value();
}

// The positions [begin, end) of a shard in a batch of `size`.
std::pair<uint64_t, uint64_t> ShardRange(const Shard& shard, uint64_t size) {
  return {shard.index * size / shard.count,
          (shard.index + uint64_t{1}) * size / shard.count};
}

}  // namespace

bool Run::HasRequestId(const std::string& request_id) const {
  return batches_.FindRequest(request_id) != nullptr;
}

Run::Candidates Run::FindCandidates(const LabelFilter& filter) {
  Candidates found;
  found.matching = prompts_.counts();
  if (!filter.empty()) {
    found.matching = PromptCounts();
    found.matching_sets = prompts_.label_sets().Match(filter);
    std::vector<uint32_t> sets;
    for (uint32_t set = 0; set < found.matching_sets.size(); ++set) {
      const PromptCounts& counts = prompts_.label_sets().counts(set);
      if (!found.matching_sets[set] || counts.present == 0) continue;
      found.matching += counts;
      sets.push_back(set);
    }
    if (PromptTable::IsSmallPart(found.matching.present, prompts_.size())) {
      found.list = prompts_.WithLabels(sets, found.listed);
    }
  }
  if (!found.list.has_value() && prompts_.population().MostAreBusy()) {
    prompts_.population().AppendFree(found.listed);
    found.list = found.listed;
  }
  return found;
}

namespace {

absl::Status NotEnough(const SampleRequest& request, const PromptCounts& all,
                       const PromptCounts& matching) {
  const uint64_t filtered_out = all.enabled() - matching.enabled();
  const bool pool_too_small = matching.enabled() < request.min_batch_size;
  const std::string counts = absl::StrCat(
      "of ", all.present, " prompts ", all.disabled, " are disabled, ",
      filtered_out, " filtered out, ", matching.in_flight, " in flight, ",
      matching.cooling_down, " cooling down, ", matching.free(), " eligible");
  const Metadata metadata = {
      {"wanted", absl::StrCat(request.min_batch_size)},
      {"total", absl::StrCat(all.present)},
      {"disabled", absl::StrCat(all.disabled)},
      {"filtered_out", absl::StrCat(filtered_out)},
      {"in_flight", absl::StrCat(matching.in_flight)},
      {"cooling_down", absl::StrCat(matching.cooling_down)},
      {"eligible", absl::StrCat(matching.free())}};
  if (pool_too_small) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "POOL_TOO_SMALL",
        absl::StrCat("min_batch_size: got ", request.min_batch_size,
                     "; the run can never deal that many: ", counts),
        metadata);
  }
  return MakeError(absl::StatusCode::kResourceExhausted, "NOT_ENOUGH_ELIGIBLE",
                   absl::StrCat("min_batch_size: got ", request.min_batch_size,
                                "; wait or ask for fewer: ", counts),
                   metadata);
}

absl::Status TooManyBatches(uint64_t limit, const std::string& oldest) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "TOO_MANY_BATCHES",
                   absl::StrCat("the run remembers ", limit,
                                " batches, the most it may, and the oldest, '",
                                oldest, "', is still in flight: release it"),
                   {{"batch", oldest}});
}

}  // namespace

absl::StatusOr<SampleResult> Run::Sample(const SampleRequest& request,
                                         absl::Time now) {
  if (absl::Status s = CheckAlive(); !s.ok()) return s;
  ExpireDue(now);
  if (!request.request_id.empty()) {
    if (const Batch* batch = batches_.FindRequest(request.request_id)) {
      return RepeatSample(*batch, request);
    }
  }
  if (batches_.size() >= limits_.batches) {
    return TooManyBatches(
        limits_.batches,
        FormatBatchId(record_.epoch, batches_.oldest_sequence()));
  }
  const Candidates found = FindCandidates(request.filter);
  if (found.matching.free() < request.min_batch_size) {
    return NotEnough(request, prompts_.counts(), found.matching);
  }
  SelectionInput input;
  input.population = &prompts_.population();
  input.list = found.list;
  if (!request.filter.empty()) input.matching_sets = &found.matching_sets;
  input.eligible_count = found.matching.free();
  input.clock = clock();
  input.unselected_decay = record_.settings.unselected_decay;
  input.max_evidence = progress_.max_evidence;
  input.count = request.batch_size;
  input.seed = record_.settings.seed;
  input.sequence = batches_.end_sequence();
  input.current_pass = progress_.current_pass;
  const Selection selection = selector_->Select(input);
  std::vector<uint32_t> picked;
  for (const Pick& pick : selection.picks) {
    picked.push_back(pick.prompt);
  }
  if (absl::Status s = CheckPayloads(request, picked); !s.ok()) return s;
  const Batch& batch = Deal(request, selection, picked, now);
  SampleResult result = DescribeSample(batch, request.shard);
  ForgetOld(now);
  return result;
}

absl::StatusOr<SampleResult> Run::RepeatSample(
    const Batch& batch, const SampleRequest& request) const {
  if (batch.record.request_fingerprint != FingerprintOf(request)) {
    const std::string id = FormatBatchId(record_.epoch, batch.sequence());
    return MakeError(
        absl::StatusCode::kInvalidArgument, "REQUEST_ID_REUSED",
        absl::StrCat("request_id: got '", request.request_id,
                     "'; it made batch '", id,
                     "' with another batch_size, min_batch_size or filter"),
        {{"request_id", request.request_id}, {"batch", id}});
  }
  std::vector<uint32_t> prompts;
  for (const storage::BatchEntry& entry : batch.record.entries) {
    prompts.push_back(entry.prompt_index);
  }
  if (absl::Status s = CheckPayloads(request, prompts); !s.ok()) return s;
  SampleResult result = DescribeSample(batch, request.shard);
  result.repeated = true;
  return result;
}

absl::Status Run::CheckPayloads(const SampleRequest& request,
                                const std::vector<uint32_t>& prompts) const {
  if (!request.include_payloads) return absl::OkStatus();
  const auto [begin, end] = ShardRange(request.shard, prompts.size());
  uint64_t bytes = 0;
  for (uint64_t i = begin; i < end; ++i) {
    bytes += prompts_.payload_bytes(prompts[i]);
  }
  if (bytes <= kMaxBatchPayloadBytes) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kResourceExhausted, "PAYLOADS_TOO_LARGE",
      absl::StrCat("include_payloads: the payloads have ", bytes,
                   " bytes; one answer carries at most ", kMaxBatchPayloadBytes,
                   ", ask for a smaller batch or shard"),
      {{"bytes", absl::StrCat(bytes)},
       {"rule", absl::StrCat("at most ", kMaxBatchPayloadBytes)}});
}

Batch& Run::Deal(const SampleRequest& request, const Selection& selection,
                 const std::vector<uint32_t>& prompts, absl::Time now) {
  const storage::RunSettings& settings = record_.settings;
  storage::BatchRecord record;
  record.sequence = batches_.end_sequence();
  record.epoch = record_.epoch;
  record.clock = clock();
  record.create_time_us = absl::ToUnixMicros(now);
  record.group_size = settings.group_size;
  record.request_id = request.request_id;
  record.request_fingerprint = FingerprintOf(request);
  record.lease_ttl_us = request.lease_ttl.has_value()
                            ? absl::ToInt64Microseconds(*request.lease_ttl)
                            : settings.lease_ttl_us;
  record.lease_expire_time_us = record.create_time_us + record.lease_ttl_us;
  record.entries.reserve(selection.picks.size());
  for (const Pick& pick : selection.picks) {
    const uint32_t index = pick.prompt;
    if (record.entries.size() % kPrefetched == 0) {
      prompts_.Prefetch(absl::MakeConstSpan(prompts).subspan(
          record.entries.size(), kPrefetched));
    }
    const Evidence evidence = EvidenceNow(index);
    storage::BatchEntry entry;
    entry.prompt_index = index;
    entry.pass = pick.pass;
    entry.estimate = pick.estimate;
    entry.score = pick.score;
    entry.mean = PosteriorMean(evidence);
    entry.expected_egr =
        EffectiveGroupProbability(evidence, settings.group_size);
    const storage::PromptState before = prompts_.State(index);
    if (before.dealt_sequence < batches_.oldest_sequence()) {
      forgotten_.Leave(before.dealt_sequence);
    }
    stats_.CountDeal(clock(), before, entry);
    record.entries.push_back(entry);
    NoteDeal(record, static_cast<uint32_t>(record.entries.size() - 1));
    prompts_.SetInFlight(index, true);
  }
  Batch batch(std::move(record));
  batch.in_flight = static_cast<uint32_t>(batch.record.entries.size());
  prompts_.StartCooldown(prompts, clock());
  progress_.clock += settings.reference_batch_size == 0
                         ? 1.0
                         : static_cast<double>(batch.in_flight) /
                               settings.reference_batch_size;
  if (settings.cooldown > 0) {
    prompts_.EndCooldowns(clock());
    ++eligible_version_;
  }
  progress_.current_pass = selection.current_pass;
  ++progress_.batches;
  ++progress_.next_sequence;
  Batch& added = batches_.Add(std::move(batch));
  const std::string key = storage::BatchKey(record_.number, added.sequence());
  pending_.Put(key, storage::Encode(key, added.record));
  progress_dirty_ = true;
  return added;
}

void Run::NoteDeal(const storage::BatchRecord& batch, uint32_t position) {
  const storage::BatchEntry& entry = batch.entries[position];
  storage::PromptState state = prompts_.State(entry.prompt_index);
  ++state.deals;
  state.dealt_sequence = batch.sequence;
  state.dealt_clock = batch.clock;
  state.dealt_position = position;
  if (entry.pass > 0) state.pass = entry.pass;
  prompts_.SetState(entry.prompt_index, state);
}

SampleResult Run::SummarizeSample(const Batch& batch) const {
  SampleResult result;
  const std::vector<storage::BatchEntry>& entries = batch.record.entries;
  result.batch_id = FormatBatchId(record_.epoch, batch.sequence());
  result.batch_size = static_cast<uint32_t>(entries.size());
  result.group_size = batch.record.group_size;
  result.expire_time = absl::FromUnixMicros(batch.lease.expire_time_us);
  result.clock = batch.record.clock;
  for (const storage::BatchEntry& entry : entries) {
    result.expected_egr +=
        entry.expected_egr / static_cast<double>(entries.size());
  }
  return result;
}

SampleResult Run::DescribeSample(const Batch& batch, const Shard& shard) const {
  SampleResult result = SummarizeSample(batch);
  const std::vector<storage::BatchEntry>& entries = batch.record.entries;
  const auto [begin, end] = ShardRange(shard, entries.size());
  result.prompts.reserve(end - begin);
  for (uint64_t i = begin; i < end; ++i) {
    const storage::BatchEntry& entry = entries[i];
    result.prompts.push_back(
        {entry.prompt_index, std::string(prompts_.id(entry.prompt_index)),
         entry.estimate, entry.score, entry.mean, entry.expected_egr});
  }
  return result;
}

}  // namespace vade::sampling
