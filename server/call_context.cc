#include "server/call_context.h"

#include "absl/strings/str_cat.h"
#include "server/sampling/error.h"
#include "server/sampling/limits.h"
#include "server/sampling/run_registry.h"

namespace vade::server {

absl::StatusOr<std::shared_ptr<sampling::RunQueue>> CallContext::FindRun(
    const std::string& run_id) const {
  absl::StatusOr<sampling::RunRegistry*> registry = gate.Enter();
  if (!registry.ok()) return registry.status();
  std::shared_ptr<sampling::RunQueue> run = (*registry)->Find(run_id);
  if (run == nullptr) return sampling::RunNotFound(run_id);
  return run;
}

void CallContext::ReadPayloads(
    uint32_t run_number, std::vector<uint32_t> prompt_indexes,
    std::function<void(absl::StatusOr<std::vector<std::string>>)> done) const {
  absl::StatusOr<sampling::RunRegistry*> registry = gate.Registry();
  if (!registry.ok()) return done(registry.status());
  pool.Post([registry = *registry, run_number,
             indexes = std::move(prompt_indexes), done = std::move(done)] {
    done(registry->ReadPayloads(run_number, indexes));
  });
}

absl::Status CheckPayloadBytes(
    const std::vector<sampling::PromptInfo>& prompts) {
  uint64_t bytes = 0;
  for (const sampling::PromptInfo& prompt : prompts) {
    bytes += prompt.payload_bytes;
  }
  if (bytes <= sampling::kMaxBatchPayloadBytes) return absl::OkStatus();
  const std::string rule =
      absl::StrCat("at most ", sampling::kMaxBatchPayloadBytes,
                   " bytes of payloads in one answer");
  return sampling::MakeError(absl::StatusCode::kResourceExhausted,
                             "PAYLOADS_TOO_LARGE",
                             absl::StrCat("payloads: got ", bytes, " bytes; ",
                                          rule, "; ask for fewer prompts"),
                             {{"bytes", absl::StrCat(bytes)}, {"rule", rule}});
}

std::vector<uint32_t> IndexesOf(
    const std::vector<sampling::PromptInfo>& prompts) {
  std::vector<uint32_t> indexes;
  indexes.reserve(prompts.size());
  for (const sampling::PromptInfo& prompt : prompts) {
    indexes.push_back(prompt.index);
  }
  return indexes;
}

}  // namespace vade::server
