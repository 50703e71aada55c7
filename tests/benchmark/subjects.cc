#include "tests/benchmark/subjects.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "client/load/connection.h"
#include "client/load/keyed_random.h"
#include "client/load/run_setup.h"

namespace vade::benchmarks {
namespace {

constexpr uint64_t kOrderStream = 6;

using AsyncStub = api::Sampler::StubInterface::async_interface;

struct SingleRollout {
  uint32_t batch = 0;
  uint32_t prompt = 0;
  uint32_t rollout_index = 0;
};

std::vector<SingleRollout> ShuffledRollouts(
    const std::vector<api::SampleBatchResponse>& batches) {
  std::vector<SingleRollout> rollouts;
  for (uint32_t batch = 0; batch < batches.size(); ++batch) {
    const api::SampleBatchResponse& sampled = batches[batch];
    for (int prompt = 0; prompt < sampled.prompts_size(); ++prompt) {
      for (uint32_t i = 0; i < sampled.group_size(); ++i) {
        rollouts.push_back({batch, static_cast<uint32_t>(prompt), i});
      }
    }
  }
  load::KeyedShuffle(load::MixKey({kOrderStream, rollouts.size()}), rollouts);
  return rollouts;
}

// Half of the rollouts of every group earn 1.
api::ReportRewardsRequest WholeReport(const api::SampleBatchResponse& batch) {
  api::ReportRewardsRequest request;
  request.set_run(client::RunName(kRunId));
  api::BatchReport& report = *request.add_reports();
  report.set_batch_id(batch.batch_id());
  std::string bits((batch.group_size() + 7) / 8, '\0');
  for (uint32_t i = 0; i < batch.group_size(); i += 2) {
    bits[i / 8] |= static_cast<char>(1 << (i % 8));
  }
  for (const api::SampledPrompt& prompt : batch.prompts()) {
    api::GroupReport& group = *report.add_groups();
    group.set_prompt_id(prompt.prompt_id());
    group.mutable_binary_rewards()->set_count(batch.group_size());
    group.mutable_binary_rewards()->set_bits(bits);
  }
  return request;
}

CallKind<api::ReportRewardsRequest, api::ReportRewardsResponse> Reports(
    std::function<void(uint64_t, api::ReportRewardsRequest&)> fill) {
  return {&AsyncStub::ReportRewards, std::move(fill), nullptr};
}

}  // namespace

absl::StatusOr<Subject> StartSubject(const std::string& program,
                                     const std::string& folder,
                                     const std::vector<std::string>& flags) {
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  auto server =
      load::ServerProcess::Start({.program = program,
                                  .data_folder = folder + "/data",
                                  .log_path = folder + "/server.log",
                                  .port_path = folder + "/server.port",
                                  .more_flags = flags});
  if (!server.ok()) return server.status();
  auto client = load::ConnectTo((*server)->address());
  if (!client.ok()) return client.status();
  auto connections =
      std::make_unique<Connections>((*server)->address(), kConnections);
  return Subject{*std::move(server), *std::move(client),
                 std::move(connections)};
}

absl::Status MakePrompts(client::Client& client, uint64_t prompt_count) {
  const auto run = load::MakeRun(client, {.run_id = kRunId});
  if (!run.ok()) return run.status();
  return load::ImportPromptIds(client, kRunId,
                               load::NumberedPromptIds(prompt_count));
}

absl::StatusOr<LoadFigures> LoadSampling(
    Connections& connections, uint32_t batch_size, const LoadShape& shape,
    std::vector<api::SampleBatchResponse>& batches) {
  batches.assign(shape.max_calls, {});
  const CallKind<api::SampleBatchRequest, api::SampleBatchResponse> kind = {
      &AsyncStub::SampleBatch,
      [batch_size](uint64_t, api::SampleBatchRequest& request) {
        request.set_run(client::RunName(kRunId));
        request.set_batch_size(batch_size);
      },
      [&batches](uint64_t call, api::SampleBatchResponse& response) {
        batches[call].Swap(&response);
      }};
  auto figures = RunLoad(connections, kind, shape);
  const auto unused = [](const api::SampleBatchResponse& batch) {
    return batch.batch_id().empty();
  };
  batches.erase(std::remove_if(batches.begin(), batches.end(), unused),
                batches.end());
  return figures;
}

absl::Status ReleaseAll(Connections& connections,
                        const std::vector<std::string>& batch_ids) {
  const CallKind<api::ReleaseBatchRequest, api::Batch> kind = {
      &AsyncStub::ReleaseBatch,
      [&batch_ids](uint64_t call, api::ReleaseBatchRequest& request) {
        request.set_name(client::BatchName(kRunId, batch_ids[call]));
      },
      nullptr};
  return RunLoad(connections, kind,
                 {.max_calls = batch_ids.size(),
                  .max_duration = absl::InfiniteDuration()})
      .status();
}

absl::StatusOr<std::vector<api::SampleBatchResponse>> SampleBatches(
    client::Client& client, uint32_t batch_size, uint64_t batch_count) {
  std::vector<api::SampleBatchResponse> batches;
  for (uint64_t i = 0; i < batch_count; ++i) {
    api::SampleBatchRequest request;
    request.set_run(client::RunName(kRunId));
    request.set_batch_size(batch_size);
    auto batch = client.SampleBatch(request);
    if (!batch.ok()) return batch.status();
    batches.push_back(*std::move(batch));
  }
  return batches;
}

std::vector<std::string> BatchIds(
    const std::vector<api::SampleBatchResponse>& batches) {
  std::vector<std::string> ids;
  for (const auto& batch : batches) ids.push_back(batch.batch_id());
  return ids;
}

absl::StatusOr<LoadFigures> LoadSingleReports(
    Connections& connections,
    const std::vector<api::SampleBatchResponse>& batches,
    const LoadShape& shape) {
  const std::vector<SingleRollout> rollouts = ShuffledRollouts(batches);
  LoadShape bounded = shape;
  bounded.max_calls = rollouts.size();
  return RunLoad(
      connections,
      Reports([&](uint64_t call, api::ReportRewardsRequest& request) {
        const SingleRollout& rollout = rollouts[call];
        const api::SampleBatchResponse& batch = batches[rollout.batch];
        const int prompt = static_cast<int>(rollout.prompt);
        request.Clear();
        request.set_run(client::RunName(kRunId));
        api::BatchReport& report = *request.add_reports();
        report.set_batch_id(batch.batch_id());
        api::GroupReport& group = *report.add_groups();
        group.set_prompt_id(batch.prompts(prompt).prompt_id());
        group.add_rewards(rollout.rollout_index % 2);
        group.add_rollout_indexes(rollout.rollout_index);
      }),
      bounded);
}

absl::StatusOr<LoadFigures> LoadBatchReports(
    Connections& connections,
    const std::vector<api::SampleBatchResponse>& batches,
    const LoadShape& shape) {
  std::vector<api::ReportRewardsRequest> requests;
  for (const auto& batch : batches) requests.push_back(WholeReport(batch));
  LoadShape bounded = shape;
  bounded.max_calls = requests.size();
  return RunLoad(
      connections,
      Reports([&](uint64_t call, api::ReportRewardsRequest& request) {
        request.Swap(&requests[call]);  // made beforehand, sent once
      }),
      bounded);
}

}  // namespace vade::benchmarks
