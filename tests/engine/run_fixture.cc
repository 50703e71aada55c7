#include "tests/engine/run_fixture.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/sampling/error.h"
#include "storage/encoding.h"
#include "storage/keys.h"
#include "tests/catch.h"

namespace vade::sampling {

RunFixture::RunFixture(SettingsSpec spec, RunLimits limits) : limits_(limits) {
  if (!spec.seed.has_value()) spec.seed = 1;
  storage::RunRecord record;
  record.number = 3;
  record.id = "run";
  record.epoch = kTestEpoch;
  record.create_time_us = absl::ToUnixMicros(now_);
  record.update_time_us = record.create_time_us;
  const auto settings = ResolveSettings(spec, 0);
  INFO(settings.status().ToString());
  REQUIRE(settings.ok());
  record.settings = *settings;
  auto run = Run::Create(record, limits_);
  INFO(run.status().ToString());
  REQUIRE(run.ok());
  run_ = *std::move(run);
}

void RunFixture::Pass(absl::Duration step) {
  Advance(step);
  run_->Tick(now_);
}

void RunFixture::Commit() { REQUIRE(store_.Write(run_->TakeMutation()).ok()); }

absl::Status RunFixture::Reload() {
  Commit();
  const std::string key = storage::RunKey(run_->record().number);
  const auto value = store_.Get(key);
  REQUIRE(value.ok());
  REQUIRE(value->has_value());
  auto record = storage::DecodeRun(key, **value);
  REQUIRE(record.ok());
  auto loaded = Run::Load(*std::move(record), store_, now_, limits_);
  if (!loaded.ok()) return loaded.status();
  run_ = *std::move(loaded);
  return run_->CheckInvariants();
}

void RunFixture::Import(int count, int first) {
  for (int i = first; i < first + count; ++i) {
    PromptSpec spec;
    spec.id = absl::StrCat("p", i);
    ImportOne(spec);
  }
}

void RunFixture::ImportOne(const PromptSpec& spec) {
  ImportRequest request;
  request.prompts.push_back(spec);
  const auto result = run_->Import(request, now_);
  INFO(result.status().ToString());
  REQUIRE(result.ok());
}

SampleResult RunFixture::Sample(uint32_t size, const std::string& request_id) {
  const auto result = run_->Sample(RequestOf(size, request_id), now_);
  INFO(result.status().ToString());
  REQUIRE(result.ok());
  return *result;
}

ReportResult RunFixture::Report(const std::string& batch_id,
                                const std::string& prompt_id,
                                const std::vector<double>& rewards,
                                bool final) {
  GroupReport group;
  group.prompt_id = prompt_id;
  group.rewards = Rollouts(rewards);
  group.final = final;
  const auto result = run_->Report(OneGroup(batch_id, group), now_);
  INFO(result.status().ToString());
  REQUIRE(result.ok());
  return *result;
}

ReportResult RunFixture::ReportFailed(const std::string& batch_id,
                                      const std::string& prompt_id,
                                      const std::vector<uint32_t>& failed,
                                      bool final) {
  GroupReport group;
  group.prompt_id = prompt_id;
  group.failed = failed;
  group.final = final;
  const auto result = run_->Report(OneGroup(batch_id, group), now_);
  INFO(result.status().ToString());
  REQUIRE(result.ok());
  return *result;
}

void RunFixture::ReportBatch(const SampleResult& batch, uint32_t successes) {
  for (const SampledPrompt& prompt : batch.prompts) {
    std::vector<double> rewards(batch.group_size, 0);
    for (uint32_t i = 0; i < successes; ++i) rewards[i] = 1;
    Report(batch.batch_id, prompt.id, rewards);
  }
}

PromptInfo RunFixture::Prompt(const std::string& id) {
  const auto info = run_->GetPrompt(id);
  INFO(info.status().ToString());
  REQUIRE(info.ok());
  return *info;
}

BatchInfo RunFixture::Batch(const std::string& id) {
  const auto info = run_->GetBatch(id);
  INFO(info.status().ToString());
  REQUIRE(info.ok());
  return *info;
}

SampleRequest RequestOf(uint32_t size, const std::string& request_id) {
  SampleRequest request;
  request.batch_size = size;
  request.min_batch_size = size;
  request.request_id = request_id;
  return request;
}

std::vector<BatchReport> OneGroup(const std::string& batch_id,
                                  const GroupReport& group) {
  BatchReport report;
  report.batch_id = batch_id;
  report.groups = {group};
  return {report};
}

absl::InlinedVector<RolloutReward, kDefaultGroupSize> Rollouts(
    const std::vector<double>& rewards, uint32_t first) {
  absl::InlinedVector<RolloutReward, kDefaultGroupSize> rollouts;
  for (const double reward : rewards) rollouts.push_back({first++, reward});
  return rollouts;
}

std::string ReasonOf(const absl::Status& status) {
  if (status.ok()) return "";
  const std::string reason = ErrorReason(status);
  return reason.empty() ? status.ToString() : reason;
}

std::string MetadataOf(const absl::Status& status, const std::string& key) {
  for (const auto& [name, value] : ErrorMetadata(status)) {
    if (name == key) return value;
  }
  return "(none)";
}

}  // namespace vade::sampling
