// What the model says of itself: worked out from scratch each time.
#include <algorithm>
#include <cmath>

#include "tests/simulation/model.h"

namespace vade::simulation {

using storage::GroupState;

double Model::SuccessOf(double reward) const {
  const storage::RewardRule& rule = settings_.reward_rule;
  if (rule.kind == storage::RewardRuleKind::kThreshold) {
    return reward >= rule.threshold ? 1 : 0;
  }
  return (reward - rule.min) / (rule.max - rule.min);
}

double Model::SuccessesOf(const ModelGroup& group) const {
  double sum = 0;
  for (const auto& [index, reward] : group.rewards) sum += SuccessOf(reward);
  return sum;
}

// DESIGN.md, section 3, as a fold over the groups that reported, in the order
// of their clocks: whatever the order in which they came in.
sampling::Evidence Model::EvidenceNow(const ModelPrompt& prompt) const {
  struct Step {
    double clock;
    uint64_t arrival;
    double successes;
    double count;
    uint32_t parts;
  };
  std::vector<Step> steps;
  for (const auto& [sequence, position] : prompt.groups) {
    if (sequence < prompt.base_sequence) continue;
    const ModelBatch& batch = batches_[sequence - 1];
    const ModelGroup& group = batch.groups[position];
    double successes = SuccessesOf(group);
    double count = static_cast<double>(group.rewards.size());
    if (flaw_ == Flaw::kDuplicateCounts) {
      count += static_cast<double>(group.repeats.size());
      for (const double reward : group.repeats) successes += SuccessOf(reward);
    }
    if (flaw_ == Flaw::kFailedIsZero) {
      count += static_cast<double>(group.failed.size());
    }
    if (flaw_ == Flaw::kExpiryIsEvidence && count == 0 &&
        group.state == GroupState::kExpired) {
      count = batch.group_size;
    }
    if (count == 0) continue;
    const uint32_t parts = flaw_ == Flaw::kDecayEachReport ? group.parts : 1;
    steps.push_back({batch.clock, group.arrival, successes, count, parts});
  }
  if (flaw_ == Flaw::kLateNotDiscounted) {
    std::sort(steps.begin(), steps.end(), [](const Step& a, const Step& b) {
      return a.arrival < b.arrival;
    });
  }
  long double alpha = prompt.base.alpha;
  long double beta = prompt.base.beta;
  double before = prompt.base_clock;
  const auto fade = [&](double clock) {
    const long double gap = std::max(0.0, clock - 1 - before);
    const long double factor =
        std::pow(static_cast<long double>(settings_.unselected_decay), gap);
    alpha *= factor;
    beta *= factor;
  };
  for (const Step& step : steps) {
    fade(step.clock);
    for (uint32_t part = 0; part < step.parts; ++part) {
      alpha *= settings_.selected_decay;
      beta *= settings_.selected_decay;
    }
    alpha += step.successes;
    beta += step.count - step.successes;
    before = step.clock;
  }
  fade(clock_);
  return {static_cast<double>(alpha), static_cast<double>(beta)};
}

sampling::RunInfo Model::Info() const {
  sampling::RunInfo info;
  info.record.display_name = display_name_;
  info.record.revision = revision_;
  info.record.settings = settings_;
  info.clock = clock_;
  info.batches = batches_.size();
  for (const ModelPrompt& prompt : prompts_) {
    if (prompt.deleted) continue;
    ++info.prompts;
    if (!prompt.enabled) ++info.disabled;
    if (InFlight(prompt.index)) ++info.in_flight;
  }
  return info;
}

sampling::PromptInfo Model::DescribePrompt(const ModelPrompt& prompt) const {
  sampling::PromptInfo info;
  info.index = prompt.index;
  info.id = prompt.id;
  info.labels = {prompt.labels.begin(), prompt.labels.end()};
  info.enabled = prompt.enabled;
  info.in_flight = InFlight(prompt.index);
  info.payload_bytes = static_cast<uint32_t>(prompt.payload.size());
  info.evidence = EvidenceNow(prompt);
  const long double a = info.evidence.alpha + 1.0L;
  const long double b = info.evidence.beta + 1.0L;
  info.posterior_mean = static_cast<double>(a / (a + b));
  // By gamma functions, unlike the engine's product.
  const long double g = settings_.group_size;
  const long double total = std::lgamma(a + b) - std::lgamma(a + b + g);
  info.expected_egr = static_cast<double>(
      1 - std::exp(std::lgamma(a + g) - std::lgamma(a) + total) -
      std::exp(std::lgamma(b + g) - std::lgamma(b) + total));
  if (settings_.group_size == 1) info.expected_egr = 0;
  info.deals = prompt.groups.size();
  for (const auto& [sequence, position] : prompt.groups) {
    const ModelGroup& group = batches_[sequence - 1].groups[position];
    info.rollouts += group.rewards.size();
    info.successes += SuccessesOf(group);
  }
  if (!prompt.groups.empty()) {
    const auto& [sequence, position] = prompt.groups.back();
    const ModelBatch& batch = batches_[sequence - 1];
    info.last_batch = batch.id;
    info.last_dealt_clock = batch.clock;
    if (sequence >= oldest_) {
      info.last_draw = batch.groups[position].sampled.draw;
      info.last_score = batch.groups[position].sampled.score;
    }
  }
  return info;
}

sampling::BatchInfo Model::DescribeBatch(const ModelBatch& batch) const {
  sampling::BatchInfo info;
  info.id = batch.id;
  info.sequence = batch.sequence;
  info.state = batch.state;
  info.batch_size = static_cast<uint32_t>(batch.groups.size());
  info.group_size = batch.group_size;
  info.clock = batch.clock;
  info.request_id = batch.request.request_id;
  info.create_time = batch.create_time;
  info.expire_time = batch.expire_time;
  if (batch.state != storage::BatchState::kInFlight) {
    info.end_time = batch.end_time;
  }
  info.in_flight = batch.in_flight();
  for (const ModelGroup& group : batch.groups) {
    sampling::GroupInfo described;
    described.prompt = group.sampled;
    described.state = group.state;
    described.rewards = static_cast<uint32_t>(group.rewards.size());
    described.successes = SuccessesOf(group);
    described.failed = static_cast<uint32_t>(group.failed.size());
    for (const auto& [index, reward] : group.rewards) {
      described.varied |= reward != group.rewards.begin()->second;
    }
    if (group.state == GroupState::kCompleted) ++info.completed;
    info.expected_egr += group.sampled.expected_egr / info.batch_size;
    info.groups.push_back(described);
  }
  return info;
}

namespace {

// Adds what one group came to.
void CountGroup(const sampling::GroupInfo& group,
                storage::RunProgress& totals) {
  totals.rollouts += group.rewards;
  totals.failed_rollouts += group.failed;
  totals.successes += group.successes;
  totals.expected_effective_groups += group.prompt.expected_egr;
  if (group.state == GroupState::kCompleted) {
    if (group.rewards > 0) ++totals.groups;
    if (group.varied) ++totals.effective_groups;
    if (group.rewards == 0) ++totals.failed_groups;
  }
}

void CountRedeal(double distance, storage::RunProgress& totals) {
  int bucket = 0;
  while (bucket < storage::kIntervalBuckets - 1 &&
         distance >= std::ldexp(1.0, bucket - 7)) {
    ++bucket;
  }
  ++totals.redeal_intervals[bucket];
  totals.redeal_interval_sum += distance;
}

}  // namespace

storage::RunProgress Model::Totals() const {
  storage::RunProgress totals;
  totals.clock = clock_;
  totals.next_sequence = next_sequence();
  totals.oldest_sequence = oldest_;
  totals.next_prompt_index = static_cast<uint32_t>(prompts_.size());
  totals.batches = batches_.size();
  totals.duplicate_rollouts = duplicates_;
  totals.late_rollouts = late_;
  totals.superseded_rollouts = superseded_;
  totals.expired_groups = expired_;
  totals.released_groups = released_;
  for (const ModelBatch& batch : batches_) {
    const sampling::BatchInfo info = DescribeBatch(batch);
    totals.deals += batch.groups.size();
    for (size_t i = 0; i < batch.groups.size(); ++i) {
      CountGroup(info.groups[i], totals);
      const ModelGroup& group = batch.groups[i];
      if (group.rolled_before && !group.solved_before) {
        ++totals.never_solved_deals;
      }
      const double mean = group.sampled.posterior_mean;
      const int decile = std::min(9, static_cast<int>(mean * 10));
      totals.calibration_rollouts[decile] += group.rewards.size();
      for (const auto& [index, reward] : group.rewards) {
        const double success = SuccessOf(reward);
        totals.calibration_predicted[decile] += mean;
        totals.calibration_successes[decile] += success;
        totals.squared_error += (mean - success) * (mean - success);
      }
    }
  }
  for (const ModelPrompt& prompt : prompts_) {
    for (const double distance : prompt.redeals) CountRedeal(distance, totals);
  }
  return totals;
}

std::map<uint64_t, storage::SeriesRecord> Model::Series(double width) const {
  std::map<uint64_t, storage::SeriesRecord> series;
  for (const ModelBatch& batch : batches_) {
    storage::RunProgress counts;
    for (const sampling::GroupInfo& group : DescribeBatch(batch).groups) {
      CountGroup(group, counts);
    }
    storage::SeriesRecord& point =
        series[static_cast<uint64_t>(batch.clock / width)];
    point.deals += batch.groups.size();
    point.groups += counts.groups;
    point.effective_groups += counts.effective_groups;
    point.rollouts += counts.rollouts;
    point.successes += counts.successes;
    point.expected_effective_groups += counts.expected_effective_groups;
  }
  return series;
}

}  // namespace vade::simulation
