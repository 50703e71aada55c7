#include "server/sampling/error.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace vade::sampling {
namespace {

constexpr absl::string_view kReasonUrl = "vade.sampler.v1/reason";
constexpr absl::string_view kMetadataUrl = "vade.sampler.v1/metadata";

// The metadata payload is key NUL value NUL key NUL value ...; neither holds a
// NUL, since callers' text is copied only up to one.
std::string WithoutNul(absl::string_view text) {
  return std::string(text.substr(0, text.find('\0')));
}

}  // namespace

absl::Status MakeError(absl::StatusCode code, absl::string_view reason,
                       absl::string_view message, const Metadata& metadata) {
  absl::Status status(code, message);
  status.SetPayload(kReasonUrl, absl::Cord(reason));
  std::string packed;
  for (const auto& [key, value] : metadata) {
    if (!packed.empty()) packed.push_back('\0');
    absl::StrAppend(&packed, WithoutNul(key), absl::string_view("\0", 1),
                    WithoutNul(value));
  }
  if (!packed.empty()) status.SetPayload(kMetadataUrl, absl::Cord(packed));
  return status;
}

absl::Status InvalidField(absl::string_view field, absl::string_view value,
                          absl::string_view rule) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                   absl::StrCat(field, ": got ", value, "; ", rule),
                   {{"field", std::string(field)},
                    {"value", std::string(value)},
                    {"rule", std::string(rule)}});
}

absl::Status RunNotFound(absl::string_view run_id) {
  return MakeError(absl::StatusCode::kNotFound, "RUN_NOT_FOUND",
                   absl::StrCat("run '", run_id, "' does not exist"),
                   {{"run", std::string(run_id)}});
}

absl::Status PromptNotFound(absl::string_view prompt_id) {
  return MakeError(absl::StatusCode::kNotFound, "PROMPT_NOT_FOUND",
                   absl::StrCat("prompt '", prompt_id, "' does not exist"),
                   {{"prompt", std::string(prompt_id)}});
}

absl::Status BatchNotFound(absl::string_view batch_id) {
  return MakeError(
      absl::StatusCode::kNotFound, "BATCH_NOT_FOUND",
      absl::StrCat("batch '", batch_id,
                   "' does not exist or was forgotten by the run's retention"),
      {{"batch", std::string(batch_id)}});
}

std::string ErrorReason(const absl::Status& status) {
  const auto reason = status.GetPayload(kReasonUrl);
  return reason.has_value() ? std::string(*reason) : std::string();
}

Metadata ErrorMetadata(const absl::Status& status) {
  Metadata metadata;
  const auto packed = status.GetPayload(kMetadataUrl);
  if (!packed.has_value()) return metadata;
  const std::vector<std::string> parts =
      absl::StrSplit(std::string(*packed), '\0');
  for (size_t i = 0; i + 1 < parts.size(); i += 2) {
    metadata.emplace_back(parts[i], parts[i + 1]);
  }
  return metadata;
}

}  // namespace vade::sampling
