#include "client/load/run_setup.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cpp/prompt_importer.h"

namespace vade::load {

namespace api = client::api;

absl::StatusOr<api::Run> MakeRun(client::Client& client,
                                 const RunSettings& settings) {
  api::CreateRunRequest request;
  request.set_run_id(settings.run_id);
  api::Run& run = *request.mutable_run();
  run.set_policy(settings.policy.empty() ? "vade" : settings.policy);
  run.set_seed(settings.seed);
  run.set_group_size(settings.group_size == 0 ? 8 : settings.group_size);
  if (settings.cooldown > 0) run.set_cooldown(settings.cooldown);
  return client.CreateRun(request);
}

absl::StatusOr<api::Run> FindOrMakeRun(client::Client& client,
                                       const RunSettings& settings) {
  api::GetRunRequest request;
  request.set_name(client::RunName(settings.run_id));
  absl::StatusOr<api::Run> run = client.GetRun(request);
  if (absl::IsNotFound(run.status())) return MakeRun(client, settings);
  if (!run.ok()) return run;
  if (!settings.policy.empty() && run->policy() != settings.policy) {
    return absl::FailedPreconditionError(
        absl::StrCat("run ", settings.run_id, " has policy ", run->policy(),
                     ", not ", settings.policy));
  }
  if (settings.group_size != 0 && run->group_size() != settings.group_size) {
    return absl::FailedPreconditionError(
        absl::StrCat("run ", settings.run_id, " has group size ",
                     run->group_size(), ", not ", settings.group_size));
  }
  return run;
}

std::vector<std::string> NumberedPromptIds(uint64_t count) {
  std::vector<std::string> prompt_ids;
  prompt_ids.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    prompt_ids.push_back(absl::StrFormat("prompt-%07d", i));
  }
  return prompt_ids;
}

absl::Status ImportPromptIds(client::Client& client, const std::string& run_id,
                             const std::vector<std::string>& prompt_ids) {
  client::ImportOptions options;
  options.existing_prompts = api::EXISTING_PROMPTS_SKIP;
  client::PromptImporter importer(client, client::RunName(run_id), options);
  for (const std::string& prompt_id : prompt_ids) {
    api::Prompt prompt;
    prompt.set_id(prompt_id);
    absl::Status added = importer.Add(std::move(prompt));
    if (!added.ok()) return added;
  }
  return importer.Finish().status();
}

absl::StatusOr<std::vector<std::string>> ListPromptIds(
    client::Client& client, const std::string& run_id) {
  std::vector<std::string> prompt_ids;
  api::ExportPromptsRequest request;
  request.set_run(client::RunName(run_id));
  absl::Status exported = client.ExportPrompts(
      request, [&prompt_ids](const api::ExportPromptsResponse& chunk) {
        for (const api::Prompt& prompt : chunk.prompts()) {
          prompt_ids.push_back(prompt.id());
        }
        return absl::OkStatus();
      });
  if (!exported.ok()) return exported;
  return prompt_ids;
}

}  // namespace vade::load
