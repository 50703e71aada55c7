#include "client/load/training.h"

#include "absl/strings/str_cat.h"

namespace vade::load {
namespace {

namespace api = client::api;

double Quotient(double part, uint64_t whole) {
  return whole == 0 ? 0 : part / static_cast<double>(whole);
}

// What the server says about the step's batch, all reports being in.
absl::Status ReadGroups(client::Client& client, const std::string& run_id,
                        const std::string& batch_id, StepRecord& record) {
  api::GetBatchRequest request;
  request.set_name(client::BatchName(run_id, batch_id));
  const auto batch = client.GetBatch(request);
  if (!batch.ok()) return batch.status();
  for (const api::Group& group : batch->groups()) {
    if (group.state() != api::Group::COMPLETED) {
      return absl::InternalError(absl::StrCat(
          "batch ", batch_id, ", prompt ", group.prompt().prompt_id(), " is ",
          api::Group::State_Name(group.state()),
          " after all its rollouts were reported"));
    }
    record.reward_count += group.reward_count();
    record.success_sum += group.success_sum();
    if (group.reward_count() == 0) continue;
    ++record.group_count;
    if (group.varied()) ++record.effective_group_count;
  }
  return absl::OkStatus();
}

}  // namespace

void StepTotals::Add(const StepRecord& record) {
  group_count += record.group_count;
  effective_group_count += record.effective_group_count;
  reward_count += record.reward_count;
  success_sum += record.success_sum;
  expected_egr_sum += record.expected_egr;
  ++step_count;
}

double StepTotals::EffectiveGradientRatio() const {
  return Quotient(static_cast<double>(effective_group_count), group_count);
}

double StepTotals::ExpectedEgr() const {
  return Quotient(expected_egr_sum, step_count);
}

double StepTotals::MeanPassRate() const {
  return Quotient(success_sum, reward_count);
}

StepTotals TotalsFrom(const std::vector<StepRecord>& records, uint64_t first) {
  StepTotals totals;
  for (const StepRecord& record : records) {
    if (record.step >= first) totals.Add(record);
  }
  return totals;
}

absl::StatusOr<std::vector<StepRecord>> Train(
    client::Client& client, Crew& crew, const SimulatedLearner& learner,
    const TrainingOptions& options,
    absl::FunctionRef<void(const StepRecord&)> on_step) {
  std::vector<StepRecord> records;
  double skill = options.start_skill;
  for (uint64_t step = 0; step < options.steps; ++step) {
    const StepCommand command = {
        options.run_id,
        absl::StrCat(options.request_prefix, "step-", step),
        options.batch_size,
        {options.seed, step, skill}};
    api::SampleBatchRequest request;
    request.set_run(client::RunName(options.run_id));
    request.set_batch_size(options.batch_size);
    request.set_request_id(command.request_id);
    const auto batch = client.SampleBatch(request);
    if (!batch.ok()) return batch.status();
    const absl::StatusOr<StepAnswer> answer = crew.RunStep(command);
    if (!answer.ok()) return answer.status();
    if (answer->batch_id != batch->batch_id()) {
      return absl::InternalError(
          absl::StrCat("one request_id dealt two batches: ", batch->batch_id(),
                       " and ", answer->batch_id));
    }
    StepRecord record = {.step = step,
                         .clock = batch->clock(),
                         .expected_egr = batch->expected_egr()};
    absl::Status read =
        ReadGroups(client, options.run_id, batch->batch_id(), record);
    if (!read.ok()) return read;
    skill = learner.SkillAfter(skill, record.effective_group_count);
    record.skill = skill;
    records.push_back(record);
    on_step(record);
  }
  return records;
}

}  // namespace vade::load
