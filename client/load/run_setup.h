// Runs and prompts for a load: made, or copied from a run that is there.
#ifndef VADE_CLIENT_LOAD_RUN_SETUP_H_
#define VADE_CLIENT_LOAD_RUN_SETUP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/client.h"

namespace vade::load {

struct RunSettings {
  std::string run_id;
  std::string policy = "vade";
  uint64_t seed = 1;
  uint32_t group_size = 8;
  double cooldown = 0;  // clock distance
};

// Creates the run. ALREADY_EXISTS: it is there with other settings.
absl::StatusOr<client::api::Run> MakeRun(client::Client& client,
                                         const RunSettings& settings);

// The run, if it is there with this policy and group size, else makes it.
// FAILED_PRECONDITION: it has another policy or group size. An empty policy
// or a group size of 0 takes what is there (and "vade" and 8 for a new run).
absl::StatusOr<client::api::Run> FindOrMakeRun(client::Client& client,
                                               const RunSettings& settings);

// Ids "prompt-0000000" and on.
std::vector<std::string> NumberedPromptIds(uint64_t count);

// Adds prompts without payload; those that are there stay as they are.
absl::Status ImportPromptIds(client::Client& client, const std::string& run_id,
                             const std::vector<std::string>& prompt_ids);

// The ids of the run's prompts, in the order of their import.
absl::StatusOr<std::vector<std::string>> ListPromptIds(
    client::Client& client, const std::string& run_id);

}  // namespace vade::load

#endif  // VADE_CLIENT_LOAD_RUN_SETUP_H_
