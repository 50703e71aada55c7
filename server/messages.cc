#include "server/messages.h"

#include "google/protobuf/util/time_util.h"
#include "server/resource_names.h"
#include "server/sampling/settings.h"

namespace vade::server {
namespace {

namespace api = sampler::v1;
using google::protobuf::util::TimeUtil;

void FillRule(const storage::RewardRule& rule, api::RewardRule& message) {
  if (rule.kind == storage::RewardRuleKind::kThreshold) {
    message.mutable_threshold()->set_threshold(rule.threshold);
    return;
  }
  message.mutable_range()->set_min(rule.min);
  message.mutable_range()->set_max(rule.max);
}

void FillSettings(const storage::RunSettings& settings, api::Run& run) {
  run.set_policy(settings.policy);
  run.set_seed(settings.seed);
  FillRule(settings.reward_rule, *run.mutable_reward_rule());
  run.set_selected_decay(settings.selected_decay);
  run.set_unselected_decay(settings.unselected_decay);
  run.set_group_size(settings.group_size);
  run.set_reference_batch_size(settings.reference_batch_size);
  run.set_cooldown(settings.cooldown);
  run.set_target_pass_rate(settings.target_pass_rate);
  *run.mutable_lease_ttl() =
      TimeUtil::MicrosecondsToDuration(settings.lease_ttl_us);
  const double weight = settings.starting_alpha + settings.starting_beta;
  if (weight > 0) {
    run.mutable_starting_evidence()->set_pass_rate(settings.starting_alpha /
                                                   weight);
    run.mutable_starting_evidence()->set_weight(weight);
  }
  run.set_retained_deals(settings.retained_deals);
  *run.mutable_retention_age() =
      TimeUtil::MicrosecondsToDuration(settings.retention_age_us);
}

google::protobuf::Timestamp Timestamp(absl::Time time) {
  return TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(time));
}

void FillSampled(const sampling::SampledPrompt& prompt,
                 api::SampledPrompt& message) {
  message.set_prompt_id(prompt.id);
  message.set_draw(prompt.draw);
  message.set_score(prompt.score);
  message.set_posterior_mean(prompt.posterior_mean);
  message.set_expected_egr(prompt.expected_egr);
}

api::Group::State GroupState(storage::GroupState state) {
  switch (state) {
    case storage::GroupState::kInFlight:
      return api::Group::IN_FLIGHT;
    case storage::GroupState::kCompleted:
      return api::Group::COMPLETED;
    case storage::GroupState::kReleased:
      return api::Group::RELEASED;
    case storage::GroupState::kExpired:
      return api::Group::EXPIRED;
  }
  return api::Group::STATE_UNSPECIFIED;
}

api::Batch::State BatchState(storage::BatchState state) {
  switch (state) {
    case storage::BatchState::kInFlight:
      return api::Batch::IN_FLIGHT;
    case storage::BatchState::kCompleted:
      return api::Batch::COMPLETED;
    case storage::BatchState::kReleased:
      return api::Batch::RELEASED;
    case storage::BatchState::kExpired:
      return api::Batch::EXPIRED;
  }
  return api::Batch::STATE_UNSPECIFIED;
}

void FillGroup(const sampling::GroupInfo& info, api::Group& group) {
  FillSampled(info.prompt, *group.mutable_prompt());
  group.set_state(GroupState(info.state));
  group.set_reward_count(info.rewards);
  group.set_success_sum(info.successes);
  group.set_failed_count(info.failed);
  group.set_varied(info.varied);
}

}  // namespace

void Fill(const sampling::RunInfo& info, api::Run& run) {
  const storage::RunRecord& record = info.record;
  run.set_name(RunName(record.id));
  run.set_display_name(record.display_name);
  FillSettings(record.settings, run);
  *run.mutable_create_time() =
      TimeUtil::MicrosecondsToTimestamp(record.create_time_us);
  *run.mutable_update_time() =
      TimeUtil::MicrosecondsToTimestamp(record.update_time_us);
  run.set_etag(sampling::EtagOf(record));
  run.set_epoch(record.epoch);
  run.set_clock(info.clock);
  run.set_batch_count(info.batches);
  run.set_prompt_count(info.prompts);
  run.set_disabled_prompt_count(info.disabled);
  run.set_in_flight_prompt_count(info.in_flight);
}

void Fill(const sampling::PromptInfo& info, api::Prompt& prompt) {
  prompt.set_id(info.id);
  for (const auto& [key, value] : info.labels) {
    (*prompt.mutable_labels())[key] = value;
  }
  prompt.set_disabled(!info.enabled);
  prompt.mutable_evidence()->set_alpha(info.evidence.alpha);
  prompt.mutable_evidence()->set_beta(info.evidence.beta);
  prompt.set_posterior_mean(info.posterior_mean);
  prompt.set_expected_egr(info.expected_egr);
  prompt.set_deal_count(info.deals);
  prompt.set_rollout_count(info.rollouts);
  prompt.set_success_sum(info.successes);
  prompt.set_last_batch(info.last_batch);
  if (info.last_dealt_clock) {
    prompt.set_last_dealt_clock(*info.last_dealt_clock);
  }
  if (info.last_draw) prompt.set_last_draw(*info.last_draw);
  if (info.last_score) prompt.set_last_score(*info.last_score);
  prompt.set_in_flight(info.in_flight);
  prompt.set_payload_bytes(info.payload_bytes);
}

void Fill(const sampling::SampleResult& result,
          api::SampleBatchResponse& response) {
  response.set_batch_id(result.batch_id);
  response.mutable_prompts()->Reserve(static_cast<int>(result.prompts.size()));
  for (const sampling::SampledPrompt& prompt : result.prompts) {
    FillSampled(prompt, *response.add_prompts());
  }
  response.set_batch_size(result.batch_size);
  response.set_group_size(result.group_size);
  *response.mutable_lease_expire_time() = Timestamp(result.expire_time);
  response.set_clock(result.clock);
  response.set_expected_egr(result.expected_egr);
  response.set_repeated_request(result.repeated);
}

void Fill(absl::string_view run_id, const sampling::BatchInfo& info,
          api::Batch& batch) {
  batch.set_name(BatchNameOf(run_id, info.id));
  batch.set_state(BatchState(info.state));
  batch.set_batch_size(info.batch_size);
  batch.set_group_size(info.group_size);
  batch.set_clock(info.clock);
  batch.set_expected_egr(info.expected_egr);
  batch.set_request_id(info.request_id);
  *batch.mutable_create_time() = Timestamp(info.create_time);
  *batch.mutable_lease_expire_time() = Timestamp(info.expire_time);
  if (info.end_time) *batch.mutable_end_time() = Timestamp(*info.end_time);
  batch.set_in_flight_count(info.in_flight);
  batch.set_completed_count(info.completed);
  batch.mutable_groups()->Reserve(static_cast<int>(info.groups.size()));
  for (const sampling::GroupInfo& group : info.groups) {
    FillGroup(group, *batch.add_groups());
  }
}

void Fill(const sampling::ReportResult& result,
          api::ReportRewardsResponse& response) {
  response.set_accepted_count(result.accepted);
  response.set_failed_count(result.failed);
  response.set_duplicate_count(result.duplicate);
  response.set_late_count(result.late);
  response.set_superseded_count(result.superseded);
  response.set_completed_group_count(result.completed_groups);
  response.set_zero_variance_group_count(result.zero_variance_groups);
}

void Fill(const sampling::ImportResult& result,
          api::ImportPromptsResponse& response) {
  response.set_created_count(result.created);
  response.set_updated_count(result.updated);
  response.set_skipped_count(result.skipped);
}

}  // namespace vade::server
