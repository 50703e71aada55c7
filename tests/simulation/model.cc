// Changes of the model; model_view.cc has what it says of itself.
#include "tests/simulation/model.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "server/sampling/settings.h"

namespace vade::simulation {

using storage::BatchState;
using storage::GroupState;

namespace {

constexpr double kRounding = 1e-9;

// Puts `right` in place of `dealt` unless they are equal but for rounding.
void TakeOver(double right, double& dealt) {
  if (std::abs(right - dealt) > kRounding) dealt = right;
}

}  // namespace

uint32_t ModelBatch::in_flight() const {
  uint32_t count = 0;
  for (const ModelGroup& group : groups) {
    if (group.state == GroupState::kInFlight) ++count;
  }
  return count;
}

Answer Model::Apply(const Operation& operation, absl::Time now,
                    const std::optional<sampling::SampleResult>& dealt) {
  Expire(now);
  dealt_ = dealt.has_value() ? &*dealt : nullptr;
  Answer answer =
      std::visit([&](const auto& op) { return Do(op, now); }, operation);
  dealt_ = nullptr;
  return answer;
}

void Model::Restart(absl::Time now) {
  for (ModelBatch& batch : batches_) {
    if (batch.state == BatchState::kInFlight) {
      batch.expire_time = std::min(batch.expire_time, now + batch.ttl);
    }
  }
}

Answer Model::Do(const Tick&, absl::Time now) {
  Forget(now);
  return {};
}

Answer Model::Do(const UpdateRun& operation, absl::Time) {
  const sampling::RunChange& change = operation.change;
  if (!change.etag.empty() && change.etag != etag()) {
    return {"ETAG_MISMATCH", {}};
  }
  const auto changed = sampling::ApplyChange(settings_, change);
  if (!changed.ok()) return {"INVALID_FIELD", {}};
  settings_ = *changed;
  if (change.display_name) display_name_ = *change.display_name;
  ++revision_;
  return {"", Info()};
}

// ---- Prompts

std::string Model::CheckImport(const sampling::ImportRequest& request) const {
  std::set<std::string> seen;
  for (const sampling::PromptSpec& spec : request.prompts) {
    const bool exists = FindPrompt(spec.id) || !seen.insert(spec.id).second;
    if (exists && request.existing == sampling::ExistingPrompts::kFail) {
      return "PROMPT_EXISTS";
    }
  }
  return "";
}

Answer Model::Do(const Import& operation, absl::Time) {
  if (std::string error = CheckImport(operation.request); !error.empty()) {
    return {error, {}};
  }
  sampling::ImportResult result;
  for (const sampling::PromptSpec& spec : operation.request.prompts) {
    const ModelPrompt* existing = FindPrompt(spec.id);
    if (existing &&
        operation.request.existing == sampling::ExistingPrompts::kSkip) {
      ++result.skipped;
      continue;
    }
    if (!existing) {
      ModelPrompt prompt;
      prompt.index = static_cast<uint32_t>(prompts_.size());
      prompt.id = spec.id;
      prompts_.push_back(prompt);
      SetEvidence(prompts_.back(),
                  {settings_.starting_alpha, settings_.starting_beta});
      ++result.created;
    } else {
      ++result.updated;
    }
    ModelPrompt& prompt =
        existing ? prompts_[existing->index] : prompts_.back();
    prompt.payload = spec.payload;
    prompt.labels = {spec.labels.begin(), spec.labels.end()};
    prompt.enabled = spec.enabled;
    if (spec.evidence) SetEvidence(prompt, *spec.evidence);
  }
  return {"", result};
}

Answer Model::Do(const UpdatePrompt& operation, absl::Time) {
  const sampling::PromptChange& change = operation.change;
  const ModelPrompt* found = FindPrompt(change.id);
  if (!found) return {"PROMPT_NOT_FOUND", {}};
  ModelPrompt& prompt = prompts_[found->index];
  if (change.enabled) prompt.enabled = *change.enabled;
  if (change.payload) prompt.payload = *change.payload;
  if (change.labels) {
    prompt.labels = {change.labels->begin(), change.labels->end()};
  }
  if (change.evidence) SetEvidence(prompt, *change.evidence);
  return {"", DescribePrompt(prompt)};
}

Answer Model::Do(const DeletePrompt& operation, absl::Time) {
  const ModelPrompt* found = FindPrompt(operation.prompt_id);
  if (!found) return {"PROMPT_NOT_FOUND", {}};
  prompts_[found->index].deleted = true;
  return {};
}

void Model::SetEvidence(ModelPrompt& prompt, sampling::Evidence evidence) {
  prompt.base = evidence;
  prompt.base_clock = clock_ - 1;
  if (flaw_ != Flaw::kOverrideKeepsOld) prompt.base_sequence = next_sequence();
}

// ---- Batches

Model::Pool Model::PoolFor(const sampling::LabelFilter& filter) const {
  Pool pool;
  for (const ModelPrompt& prompt : prompts_) {
    if (prompt.deleted || !prompt.enabled) continue;
    bool matches = true;
    for (const sampling::LabelTerm& term : filter) {
      const auto label = prompt.labels.find(term.key);
      matches =
          matches && label != prompt.labels.end() &&
          std::count(term.values.begin(), term.values.end(), label->second) > 0;
    }
    if (!matches) continue;
    ++pool.matching;
    const bool cooling =
        !prompt.groups.empty() &&
        clock_ - batches_[prompt.groups.back().first - 1].clock <
            settings_.cooldown;
    if (!cooling && !InFlight(prompt.index)) {
      pool.eligible.push_back(prompt.index);
    }
  }
  return pool;
}

Answer Model::Do(const Sample& operation, absl::Time now) {
  const sampling::SampleRequest& request = operation.request;
  for (uint64_t s = oldest_; s < next_sequence(); ++s) {
    const ModelBatch& batch = batches_[s - 1];
    if (request.request_id.empty() ||
        batch.request.request_id != request.request_id) {
      continue;
    }
    const auto terms = [](const sampling::LabelFilter& filter) {
      std::vector<std::pair<std::string, std::vector<std::string>>> list;
      for (const auto& term : filter) list.push_back({term.key, term.values});
      return list;
    };
    if (batch.request.batch_size != request.batch_size ||
        batch.request.min_batch_size != request.min_batch_size ||
        terms(batch.request.filter) != terms(request.filter)) {
      return {"REQUEST_ID_REUSED", {}};
    }
    return {"", ResultOf(batch, request.shard, true)};
  }
  const Pool pool = PoolFor(request.filter);
  if (pool.matching < request.min_batch_size) return {"POOL_TOO_SMALL", {}};
  if (pool.eligible.size() < request.min_batch_size) {
    return {"NOT_ENOUGH_ELIGIBLE", {}};
  }
  const size_t count =
      std::min<size_t>(request.batch_size, pool.eligible.size());
  return Deal(request, count, pool, now);
}

std::string Model::CheckDealt(const Pool& pool, size_t count) const {
  if (dealt_ == nullptr) return "no batch was dealt";
  if (dealt_->repeated) return "an earlier batch was repeated";
  if (dealt_->prompts.size() != count || dealt_->batch_size != count) {
    return absl::StrCat("dealt ", dealt_->prompts.size(), " of ",
                        dealt_->batch_size, " prompts, not ", count);
  }
  std::set<uint32_t> left(pool.eligible.begin(), pool.eligible.end());
  for (const sampling::SampledPrompt& prompt : dealt_->prompts) {
    if (left.erase(prompt.index) == 0) {
      return absl::StrCat("prompt ", prompt.id, " was not eligible");
    }
  }
  for (const ModelBatch& batch : batches_) {
    if (batch.id == dealt_->batch_id) {
      return absl::StrCat("batch id ", batch.id, " was used twice");
    }
  }
  return "";
}

Answer Model::Deal(const sampling::SampleRequest& request, size_t count,
                   const Pool& pool, absl::Time now) {
  violation_ = CheckDealt(pool, count);
  if (!violation_.empty()) return {"", sampling::SampleResult()};
  ModelBatch batch;
  batch.id = dealt_->batch_id;
  batch.sequence = next_sequence();
  batch.clock = clock_;
  batch.group_size = settings_.group_size;
  batch.request = request;
  batch.ttl =
      request.lease_ttl.value_or(absl::Microseconds(settings_.lease_ttl_us));
  batch.create_time = now;
  batch.expire_time = now + batch.ttl;
  for (const sampling::SampledPrompt& sampled : dealt_->prompts) {
    ModelPrompt& prompt = prompts_[sampled.index];
    ModelGroup group;
    group.prompt = prompt.index;
    group.sampled = sampled;
    const sampling::PromptInfo info = DescribePrompt(prompt);
    group.sampled.id = prompt.id;
    // What was dealt stands if it is right but for rounding: statistics put it
    // into bins, and a mean on the edge of one may fall to either side.
    TakeOver(info.posterior_mean, group.sampled.posterior_mean);
    TakeOver(info.expected_egr, group.sampled.expected_egr);
    group.rolled_before = info.rollouts > 0;
    group.solved_before = info.successes > 0;
    if (!prompt.groups.empty()) {
      prompt.redeals.push_back(clock_ -
                               batches_[prompt.groups.back().first - 1].clock);
    }
    prompt.groups.push_back({batch.sequence, batch.groups.size()});
    batch.groups.push_back(group);
  }
  const bool per_batch =
      settings_.reference_batch_size == 0 || flaw_ == Flaw::kClockPerCall;
  clock_ += per_batch
                ? 1.0
                : static_cast<double>(count) / settings_.reference_batch_size;
  batches_.push_back(batch);
  const sampling::SampleResult result =
      ResultOf(batches_.back(), request.shard, false);
  Forget(now);
  return {"", result};
}

sampling::SampleResult Model::ResultOf(const ModelBatch& batch,
                                       sampling::Shard shard,
                                       bool repeated) const {
  sampling::SampleResult result;
  result.batch_id = batch.id;
  const size_t size = batch.groups.size();
  const size_t begin = shard.index * size / shard.count;
  const size_t end = (shard.index + 1) * size / shard.count;
  for (size_t i = begin; i < end; ++i) {
    result.prompts.push_back(batch.groups[i].sampled);
  }
  result.batch_size = static_cast<uint32_t>(size);
  result.group_size = batch.group_size;
  result.expire_time = batch.expire_time;
  result.clock = batch.clock;
  for (const ModelGroup& group : batch.groups) {
    result.expected_egr += group.sampled.expected_egr / size;
  }
  result.repeated = repeated;
  return result;
}

Answer Model::Do(const Renew& operation, absl::Time now) {
  std::string reason;
  ModelBatch* batch = FindBatch(operation.batch_id, reason);
  if (!batch) return {reason, {}};
  if (batch->state != BatchState::kInFlight) {
    return {"BATCH_NOT_IN_FLIGHT", {}};
  }
  if (operation.ttl) batch->ttl = *operation.ttl;
  batch->expire_time = now + batch->ttl;
  return {"", DescribeBatch(*batch)};
}

Answer Model::Do(const Release& operation, absl::Time now) {
  std::string reason;
  ModelBatch* batch = FindBatch(operation.batch_id, reason);
  if (!batch) return {reason, {}};
  std::vector<ModelGroup*> groups;
  for (const std::string& id : operation.prompt_ids) {
    groups.push_back(FindGroup(*batch, id));
    if (!groups.back()) return {"PROMPT_NOT_IN_BATCH", {}};
  }
  const bool all = groups.empty();
  if (all) {
    for (ModelGroup& group : batch->groups) groups.push_back(&group);
  }
  for (ModelGroup* group : groups) {
    if (group->state == GroupState::kInFlight) {
      group->state = GroupState::kReleased;
      ++released_;
    }
  }
  EndIfDone(*batch, all ? BatchState::kReleased : BatchState::kCompleted, now);
  return {"", DescribeBatch(*batch)};
}

void Model::EndIfDone(ModelBatch& batch, BatchState state, absl::Time now) {
  if (batch.state != BatchState::kInFlight || batch.in_flight() > 0) return;
  batch.state = state;
  batch.end_time = now;
}

void Model::Expire(absl::Time now) {
  if (flaw_ == Flaw::kExpiredStaysBusy) return;
  for (ModelBatch& batch : batches_) {
    if (batch.state != BatchState::kInFlight || batch.expire_time > now) {
      continue;
    }
    for (ModelGroup& group : batch.groups) {
      if (group.state == GroupState::kInFlight) {
        group.state = GroupState::kExpired;
        ++expired_;
      }
    }
    EndIfDone(batch, BatchState::kExpired, now);
  }
}

void Model::Forget(absl::Time now) {
  uint64_t deals = 0;
  for (uint64_t s = oldest_; s < next_sequence(); ++s) {
    deals += batches_[s - 1].groups.size();
  }
  const absl::Duration age = absl::Microseconds(settings_.retention_age_us);
  while (oldest_ < next_sequence()) {
    const ModelBatch& batch = batches_[oldest_ - 1];
    if (batch.state == BatchState::kInFlight ||
        (deals <= settings_.retained_deals && now - batch.end_time < age)) {
      return;
    }
    deals -= batch.groups.size();
    ++oldest_;
  }
}

ModelBatch* Model::FindBatch(const std::string& id, std::string& reason) {
  const size_t dash = id.find('-');
  const bool foreign = dash != std::string::npos && dash > 0 &&
                       id.substr(0, dash) != absl::StrCat(epoch_);
  reason = foreign ? "BATCH_OF_OTHER_EPOCH" : "BATCH_NOT_FOUND";
  for (uint64_t s = oldest_; s < next_sequence(); ++s) {
    if (batches_[s - 1].id == id) return &batches_[s - 1];
  }
  return nullptr;
}

ModelGroup* Model::FindGroup(ModelBatch& batch, const std::string& prompt_id) {
  for (ModelGroup& group : batch.groups) {
    if (prompts_[group.prompt].id == prompt_id) return &group;
  }
  return nullptr;
}

// ---- Reports

std::string Model::CheckReport(const sampling::BatchReport& report) {
  std::string reason;
  ModelBatch* batch = FindBatch(report.batch_id, reason);
  if (!batch) return reason;
  for (const sampling::GroupReport& group : report.groups) {
    if (!FindGroup(*batch, group.prompt_id)) return "PROMPT_NOT_IN_BATCH";
    std::vector<uint32_t> indexes = group.failed;
    for (const sampling::RolloutReward& rollout : group.rewards) {
      indexes.push_back(rollout.rollout_index);
      const storage::RewardRule& rule = settings_.reward_rule;
      if (!(rollout.reward >= rule.min && rollout.reward <= rule.max)) {
        return "REWARD_OUT_OF_RULE";
      }
    }
    for (const uint32_t index : indexes) {
      if (index >= batch->group_size) return "ROLLOUT_INDEX_OUT_OF_RANGE";
    }
  }
  return "";
}

Answer Model::Do(const Report& operation, absl::Time now) {
  for (const sampling::BatchReport& report : operation.reports) {
    if (std::string error = CheckReport(report); !error.empty()) {
      return {error, {}};
    }
  }
  sampling::ReportResult result;
  for (const sampling::BatchReport& report : operation.reports) {
    std::string reason;
    ModelBatch& batch = *FindBatch(report.batch_id, reason);
    for (const sampling::GroupReport& part : report.groups) {
      Take(part, batch, *FindGroup(batch, part.prompt_id), now, result);
    }
  }
  duplicates_ += result.duplicate;
  late_ += result.late;
  superseded_ += result.superseded;
  Forget(now);
  return {"", result};
}

void Model::Take(const sampling::GroupReport& report, ModelBatch& batch,
                 ModelGroup& group, absl::Time now,
                 sampling::ReportResult& result) {
  const uint32_t duplicates_before = result.duplicate;
  uint32_t rewards = 0;
  uint32_t failed = 0;
  const auto is_new = [&](uint32_t index) {
    const bool known = group.rewards.count(index) || group.failed.count(index);
    if (known) ++result.duplicate;
    return !known;
  };
  for (const sampling::RolloutReward& rollout : report.rewards) {
    if (is_new(rollout.rollout_index)) {
      group.rewards[rollout.rollout_index] = rollout.reward;
      ++rewards;
    } else {
      group.repeats.push_back(rollout.reward);
    }
  }
  for (const uint32_t index : report.failed) {
    if (is_new(index)) {
      group.failed.insert(index);
      ++failed;
    }
  }
  if (rewards > 0) ++group.parts;
  if (rewards > 0 && group.arrival == 0) group.arrival = ++arrivals_;
  result.accepted += rewards;
  result.failed += failed;
  if (group.state != GroupState::kInFlight) result.late += rewards + failed;
  if (!IsEvidence(prompts_[group.prompt], batch.sequence)) {
    result.superseded += rewards + failed;
  }
  if (flaw_ == Flaw::kDuplicateCounts) result.duplicate = duplicates_before;
  const bool full =
      group.rewards.size() + group.failed.size() == batch.group_size;
  if (group.state == GroupState::kCompleted || !(full || report.final)) return;
  group.state = GroupState::kCompleted;
  ++result.completed_groups;
  std::set<double> distinct;
  for (const auto& [index, reward] : group.rewards) distinct.insert(reward);
  if (distinct.size() == 1) ++result.zero_variance_groups;
  EndIfDone(batch, BatchState::kCompleted, now);
}

bool Model::IsEvidence(const ModelPrompt& prompt, uint64_t sequence) const {
  return !prompt.deleted && sequence >= prompt.base_sequence;
}

const ModelPrompt* Model::FindPrompt(const std::string& id) const {
  for (const ModelPrompt& prompt : prompts_) {
    if (prompt.id == id && !prompt.deleted) return &prompt;
  }
  return nullptr;
}

bool Model::InFlight(uint32_t prompt) const {
  for (const auto& [sequence, position] : prompts_[prompt].groups) {
    if (batches_[sequence - 1].groups[position].state ==
        GroupState::kInFlight) {
      return true;
    }
  }
  return false;
}

}  // namespace vade::simulation
