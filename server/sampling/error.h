// Errors with a stable reason. An absl::Status made here carries, beside code
// and text, a reason (a name of proto ErrorReason) and metadata; the server
// turns both into google.rpc.ErrorInfo. Plain functions; thread-safe.
#ifndef VADE_SERVER_SAMPLING_ERROR_H_
#define VADE_SERVER_SAMPLING_ERROR_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace vade::sampling {

using Metadata = std::vector<std::pair<std::string, std::string>>;

// The code says what the caller should do next, `reason` is an ErrorReason by
// name, `message` names field, value and rule.
absl::Status MakeError(absl::StatusCode code, absl::string_view reason,
                       absl::string_view message,
                       const Metadata& metadata = {});

// INVALID_ARGUMENT (INVALID_FIELD): "field: got value; rule".
absl::Status InvalidField(absl::string_view field, absl::string_view value,
                          absl::string_view rule);

absl::Status RunNotFound(absl::string_view run_id);
absl::Status PromptNotFound(absl::string_view prompt_id);
absl::Status BatchNotFound(absl::string_view batch_id);

// The reason of `status`, empty if it has none.
std::string ErrorReason(const absl::Status& status);
// Its metadata in the order given, empty if it has none.
Metadata ErrorMetadata(const absl::Status& status);

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_ERROR_H_
