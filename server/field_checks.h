// Checks of single fields, shared by the checks of whole requests. Each answers
// INVALID_ARGUMENT (INVALID_FIELD) naming field, value and rule, and takes its
// limit from server/sampling/limits.h. Pure functions, thread-safe.
#ifndef VADE_SERVER_FIELD_CHECKS_H_
#define VADE_SERVER_FIELD_CHECKS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/map.h"
#include "server/field_path.h"
#include "server/sampling/requests.h"
#include "vade/sampler/v1/prompt.pb.h"

namespace vade::server {

// INVALID_FIELD for `field`, the value as it shall be shown.
absl::Status Refuse(const FieldPath& field, absl::string_view shown_value,
                    absl::string_view rule);

// `value` in quotes, shortened, with escapes for what does not print.
std::string Quoted(absl::string_view value);

// Well-formed UTF-8 of at most `max_bytes`, and no control characters.
absl::Status CheckText(const FieldPath& field, absl::string_view value,
                       size_t max_bytes);

// 1 to kMaxPromptIdBytes of UTF-8 without control characters.
absl::Status CheckPromptId(const FieldPath& field, absl::string_view id);

absl::Status CheckBatchId(const FieldPath& field, absl::string_view id);

// Finite and in [min, max].
absl::Status CheckRange(const FieldPath& field, double value, double min,
                        double max);
absl::Status CheckCount(const FieldPath& field, uint64_t value, uint64_t min,
                        uint64_t max);

// A normalised duration in [min, max]: nanos of the sign of seconds and of
// magnitude below one second.
absl::StatusOr<absl::Duration> ParseDuration(
    const FieldPath& field, const google::protobuf::Duration& value,
    absl::Duration min, absl::Duration max);

// kDefaultPageSize for 0; refused if negative or above kMaxPageSize.
absl::StatusOr<size_t> ParsePageSize(int32_t page_size);

// Sorted by key.
absl::StatusOr<sampling::Labels> ParseLabels(
    const FieldPath& field,
    const google::protobuf::Map<std::string, std::string>& labels);

absl::StatusOr<sampling::LabelFilter> ParseFilter(
    const sampler::v1::LabelFilter& filter);

absl::StatusOr<sampling::Evidence> ParseStartingEvidence(
    const FieldPath& field, const sampler::v1::StartingEvidence& evidence);

}  // namespace vade::server

#endif  // VADE_SERVER_FIELD_CHECKS_H_
