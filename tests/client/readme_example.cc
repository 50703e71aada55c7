// The example of client/README.md, so that it compiles. readme_test.cc holds
// the two together.
#include <string>
#include <vector>

std::vector<double> RollOut(const std::string& prompt, int group_size);

// [example]
#include "client/cpp/client.h"

absl::Status OneStep(vade::client::Client& client, int step) {
  vade::sampler::v1::SampleBatchRequest sample;
  sample.set_run("runs/gsm8k");
  sample.set_batch_size(128);
  sample.set_request_id("step-" + std::to_string(step));
  auto batch = client.SampleBatch(sample);
  if (!batch.ok()) return batch.status();

  vade::sampler::v1::ReportRewardsRequest report;
  report.set_run("runs/gsm8k");
  auto* groups = report.add_reports();
  groups->set_batch_id(batch->batch_id());
  for (const auto& prompt : batch->prompts()) {
    auto* group = groups->add_groups();
    group->set_prompt_id(prompt.prompt_id());
    for (double reward : RollOut(prompt.prompt_id(), batch->group_size())) {
      group->add_rewards(reward);
    }
  }
  return client.ReportRewards(report).status();
}
// [/example]
