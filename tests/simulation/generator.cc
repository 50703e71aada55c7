#include "tests/simulation/generator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/sampling/policy.h"
#include "server/sampling/settings.h"

namespace vade::simulation {
namespace {

// Few ids, so that prompts are deleted, imported again and imported twice.
constexpr uint64_t kPromptIds = 40;

std::string RandomPromptId(Dice& dice) {
  return absl::StrCat("p", dice.Below(kPromptIds));
}

sampling::Labels RandomLabels(Dice& dice) {
  sampling::Labels labels;
  if (dice.Chance(0.8)) {
    labels.emplace_back("level", absl::StrCat(dice.Below(2)));
  }
  if (dice.Chance(0.9)) {
    labels.emplace_back("source", absl::StrCat(dice.Below(3)));
  }
  return labels;
}

sampling::LabelFilter RandomFilter(Dice& dice) {
  sampling::LabelFilter filter;
  if (dice.Chance(0.75)) return filter;
  filter.push_back({"source", {absl::StrCat(dice.Below(3))}});
  if (dice.Chance(0.3)) filter.back().values.push_back("0");
  if (dice.Chance(0.3)) filter.push_back({"level", {"0"}});
  return filter;
}

sampling::PromptSpec RandomPrompt(Dice& dice, std::string id) {
  sampling::PromptSpec spec;
  spec.id = std::move(id);
  if (dice.Chance(0.5)) {
    spec.payload = std::string(dice.Below(50), 'a' + dice.Below(26));
  }
  spec.labels = RandomLabels(dice);
  spec.enabled = dice.Chance(0.9);
  if (dice.Chance(0.2)) {
    spec.evidence = sampling::EvidenceOf(dice.Unit(), 10 * dice.Unit());
  }
  return spec;
}

Operation RandomImport(Dice& dice) {
  Import import;
  const int64_t count = dice.Between(1, 6);
  for (int64_t i = 0; i < count; ++i) {
    import.request.prompts.push_back(RandomPrompt(dice, RandomPromptId(dice)));
  }
  import.request.existing =
      static_cast<sampling::ExistingPrompts>(dice.Below(3));
  return import;
}

Operation RandomUpdatePrompt(Dice& dice) {
  UpdatePrompt update;
  update.change.id = RandomPromptId(dice);
  const sampling::PromptSpec spec = RandomPrompt(dice, "");
  if (dice.Chance(0.6)) update.change.enabled = spec.enabled;
  if (dice.Chance(0.3)) update.change.labels = spec.labels;
  if (dice.Chance(0.3)) update.change.payload = spec.payload;
  update.change.evidence = spec.evidence;
  return update;
}

Operation RandomUpdateRun(Dice& dice, const Model& model) {
  UpdateRun update;
  sampling::RunChange& change = update.change;
  if (dice.Chance(0.5)) change.etag = model.etag();
  if (dice.Chance(0.1)) change.etag = "wrong";
  const storage::RunSettings fresh = RandomSettings(dice);
  if (dice.Chance(0.3)) change.display_name = RandomPromptId(dice);
  if (dice.Chance(0.3)) change.group_size = fresh.group_size;
  if (dice.Chance(0.1)) change.group_size = 0;
  if (dice.Chance(0.3)) {
    change.reference_batch_size = fresh.reference_batch_size;
  }
  if (dice.Chance(0.3)) change.cooldown = fresh.cooldown;
  if (dice.Chance(0.2)) change.target_pass_rate = dice.Unit();
  if (dice.Chance(0.2)) {
    change.lease_ttl = absl::Microseconds(fresh.lease_ttl_us);
  }
  if (dice.Chance(0.2)) {
    change.starting_evidence = {fresh.starting_alpha, fresh.starting_beta};
  }
  if (dice.Chance(0.2)) change.retained_deals = fresh.retained_deals;
  if (dice.Chance(0.2)) {
    change.retention_age = absl::Microseconds(fresh.retention_age_us);
  }
  return update;
}

// Mostly one that is remembered, and of those mostly one in flight.
const ModelBatch* RandomBatch(Dice& dice, const Model& model) {
  if (model.batches().empty()) return nullptr;
  const ModelBatch* chosen = nullptr;
  for (int attempt = 0; attempt < 6; ++attempt) {
    const uint64_t oldest = dice.Chance(0.02) ? 1 : model.oldest_sequence();
    const uint64_t end = model.next_sequence();
    if (oldest >= end) return nullptr;
    chosen = &model.batches()[dice.Between(oldest, end - 1) - 1];
    if (chosen->state == storage::BatchState::kInFlight) return chosen;
    if (dice.Chance(0.15)) return chosen;
  }
  return chosen;
}

std::string RandomBatchId(Dice& dice, const Model& model) {
  if (dice.Chance(0.01)) return "nonsense";
  if (dice.Chance(0.01)) return "999999-1";
  const ModelBatch* batch = RandomBatch(dice, model);
  return batch == nullptr ? "" : batch->id;
}

Operation RandomSample(Dice& dice, const Model& model) {
  Sample sample;
  sampling::SampleRequest& request = sample.request;
  const ModelBatch* earlier = RandomBatch(dice, model);
  if (earlier && !earlier->request.request_id.empty() && dice.Chance(0.15)) {
    request = earlier->request;
    if (dice.Chance(0.1)) request.batch_size += 1;
    if (dice.Chance(0.1)) request.filter.push_back({"level", {"1"}});
  } else {
    request.batch_size = static_cast<uint32_t>(dice.Between(1, 9));
    request.min_batch_size =
        dice.Chance(0.5)
            ? request.batch_size
            : static_cast<uint32_t>(dice.Between(1, request.batch_size));
    if (dice.Chance(0.02)) {
      request.batch_size = request.min_batch_size = kPromptIds + 1;
    }
    request.filter = RandomFilter(dice);
    if (dice.Chance(0.6)) {
      request.request_id =
          absl::StrCat("step-", model.next_sequence(), "-", dice.Below(9));
    }
  }
  request.lease_ttl.reset();
  if (dice.Chance(0.3)) {
    request.lease_ttl = absl::Seconds(dice.Between(1, 40));
  }
  request.shard = {};
  if (!request.request_id.empty() && dice.Chance(0.3)) {
    request.shard.count = static_cast<uint32_t>(dice.Between(1, 5));
    request.shard.index =
        static_cast<uint32_t>(dice.Below(request.shard.count));
  }
  return sample;
}

Operation RandomRenew(Dice& dice, const Model& model) {
  Renew renew;
  renew.batch_id = RandomBatchId(dice, model);
  if (dice.Chance(0.5)) renew.ttl = absl::Seconds(dice.Between(1, 100));
  return renew;
}

Operation RandomRelease(Dice& dice, const Model& model) {
  Release release;
  release.batch_id = RandomBatchId(dice, model);
  const ModelBatch* batch = RandomBatch(dice, model);
  if (batch == nullptr || dice.Chance(0.4)) return release;
  release.batch_id = batch->id;
  for (const ModelGroup& group : batch->groups) {
    if (dice.Chance(0.4)) {
      release.prompt_ids.push_back(model.prompts()[group.prompt].id);
    }
  }
  if (dice.Chance(0.05)) release.prompt_ids.push_back("stranger");
  return release;
}

double RandomReward(Dice& dice, const storage::RewardRule& rule,
                    double pass_rate) {
  if (rule.kind == storage::RewardRuleKind::kThreshold) {
    return rule.threshold + (dice.Chance(pass_rate) ? 0.25 : -0.25);
  }
  if (dice.Chance(0.2)) return rule.min + (rule.max - rule.min) * dice.Unit();
  return dice.Chance(pass_rate) ? rule.max : rule.min;
}

sampling::GroupReport RandomGroupReport(Dice& dice, const Model& model,
                                        const ModelBatch& batch,
                                        const ModelGroup& group) {
  sampling::GroupReport report;
  report.prompt_id = model.prompts()[group.prompt].id;
  report.final = dice.Chance(0.05);
  const double pass_rate = (group.prompt % 5) / 4.0;
  const double share = dice.Chance(0.6) ? 1.0 : dice.Unit();
  std::vector<uint32_t> indexes;
  for (uint32_t i = 0; i < batch.group_size; ++i) {
    const bool known = group.rewards.count(i) || group.failed.count(i);
    if (dice.Chance(known ? 0.1 : share)) indexes.push_back(i);
  }
  dice.Shuffle(indexes);
  const double failing = dice.Chance(0.05) ? 1.0 : 0.1;
  for (const uint32_t index : indexes) {
    if (dice.Chance(failing)) {
      report.failed.push_back(index);
    } else {
      report.rewards.push_back(
          {index, RandomReward(dice, model.settings().reward_rule, pass_rate)});
    }
  }
  return report;
}

// Makes one mistake in `report`.
void Spoil(Dice& dice, const Model& model, const ModelBatch& batch,
           sampling::BatchReport& report) {
  if (report.groups.empty()) return;
  sampling::GroupReport& group =
      report.groups[dice.Below(report.groups.size())];
  switch (dice.Below(5)) {
    case 0:
      group.prompt_id = "stranger";
      break;
    case 1:
      group.rewards.push_back(
          {batch.group_size, model.settings().reward_rule.max});
      break;
    case 2:
      group.failed.push_back(batch.group_size + 70);
      break;
    case 3:
      group.rewards.assign(1, {0, model.settings().reward_rule.max * 2 + 1});
      break;
    default:
      report.batch_id = dice.Chance(0.5) ? "999999-1" : "nonsense";
      break;
  }
}

Operation RandomReports(Dice& dice, const Model& model) {
  Report report;
  const int64_t batches = dice.Chance(0.8) ? 1 : dice.Between(2, 3);
  std::vector<const ModelBatch*> chosen;
  for (int64_t i = 0; i < batches; ++i) {
    const ModelBatch* batch = RandomBatch(dice, model);
    if (batch == nullptr ||
        std::count(chosen.begin(), chosen.end(), batch) > 0) {
      continue;
    }
    chosen.push_back(batch);
    report.reports.push_back(RandomReport(dice, model, *batch));
  }
  if (!chosen.empty() && dice.Chance(0.03)) {
    Spoil(dice, model, *chosen.back(), report.reports.back());
  }
  return report;
}

}  // namespace

sampling::BatchReport RandomReport(Dice& dice, const Model& model,
                                   const ModelBatch& batch) {
  sampling::BatchReport report;
  report.batch_id = batch.id;
  const double share = dice.Chance(0.5) ? 1.0 : dice.Unit();
  for (const ModelGroup& group : batch.groups) {
    if (!dice.Chance(share)) continue;
    report.groups.push_back(RandomGroupReport(dice, model, batch, group));
  }
  dice.Shuffle(report.groups);
  return report;
}

storage::RunSettings RandomSettings(Dice& dice) {
  sampling::SettingsSpec spec;
  spec.policy = dice.Pick(sampling::PolicyNames());
  if (dice.Chance(0.5)) {
    spec.selected_decay = dice.Pick<double>({0, 0.2, 0.5, 1});
    spec.unselected_decay = dice.Pick<double>({0.5, 0.9, 0.999, 1});
  }
  spec.group_size = dice.Pick<uint32_t>({1, 2, 3, 4, 8, 9, 70, 130});
  // Powers of two, so that the clock is exact and so is the cooldown.
  spec.reference_batch_size = dice.Pick<uint32_t>({0, 0, 1, 2, 4, 8, 16});
  spec.cooldown = dice.Pick<double>({0, 0, 0, 1, 2.5});
  spec.lease_ttl = absl::Seconds(dice.Between(1, 60));
  spec.retained_deals = dice.Pick<uint64_t>({1, 20, 100, 400});
  spec.retention_age = dice.Pick<absl::Duration>(
      {absl::Minutes(1), absl::Minutes(10), absl::Hours(24)});
  if (dice.Chance(0.3)) {
    spec.starting_evidence = sampling::EvidenceOf(dice.Unit(), 8);
  }
  storage::RewardRule rule;
  if (dice.Chance(0.3)) {
    rule.min = -1;
    rule.max = 3;
  } else if (dice.Chance(0.3)) {
    rule.kind = storage::RewardRuleKind::kThreshold;
    rule.threshold = 0.75;
  }
  spec.reward_rule = rule;
  return *sampling::ResolveSettings(spec, dice.Below(~uint64_t{0}));
}

Operation FirstImport(Dice& dice, uint32_t count) {
  Import import;
  for (uint32_t i = 0; i < count; ++i) {
    import.request.prompts.push_back(RandomPrompt(dice, absl::StrCat("p", i)));
  }
  return import;
}

Operation RandomOperation(Dice& dice, const Model& model) {
  const uint64_t roll = dice.Below(100);
  if (roll < 32) return RandomSample(dice, model);
  if (roll < 74) return RandomReports(dice, model);
  if (roll < 78) return RandomRenew(dice, model);
  if (roll < 83) return RandomRelease(dice, model);
  if (roll < 87) return RandomImport(dice);
  if (roll < 91) return RandomUpdatePrompt(dice);
  if (roll < 94) return DeletePrompt{RandomPromptId(dice)};
  if (roll < 96) return RandomUpdateRun(dice, model);
  return Tick();
}

}  // namespace vade::simulation
