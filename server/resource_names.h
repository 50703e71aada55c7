// Resource names of the API, taken apart and put together. Pure functions,
// thread-safe. The parsers answer INVALID_ARGUMENT (INVALID_FIELD) for `field`.
#ifndef VADE_SERVER_RESOURCE_NAMES_H_
#define VADE_SERVER_RESOURCE_NAMES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/field_path.h"

namespace vade::server {

struct PromptName {
  std::string run_id;
  std::string prompt_id;  // may hold '/'
};

struct BatchName {
  std::string run_id;
  std::string batch_id;
};

// "runs/{run}": the run's id.
absl::StatusOr<std::string> ParseRunName(const FieldPath& field,
                                         absl::string_view name);
// "runs/{run}/prompts/{prompt}"
absl::StatusOr<PromptName> ParsePromptName(const FieldPath& field,
                                           absl::string_view name);
// "runs/{run}/batches/{batch}"
absl::StatusOr<BatchName> ParseBatchName(const FieldPath& field,
                                         absl::string_view name);

std::string RunName(absl::string_view run_id);
std::string BatchNameOf(absl::string_view run_id, absl::string_view batch_id);

}  // namespace vade::server

#endif  // VADE_SERVER_RESOURCE_NAMES_H_
