#include "server/status_mapping.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/sampling/error.h"
#include "storage/keys.h"

namespace vade::server {
namespace {

// What an error without a reason means by its code: it came from the store.
const char* StorageReason(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kDataLoss:
      return "CORRUPT_RECORD";
    case absl::StatusCode::kUnavailable:
      return "STORAGE_FAILED";
    case absl::StatusCode::kFailedPrecondition:
      return "NEWER_FORMAT";
    default:
      return "";
  }
}

google::rpc::ErrorInfo InfoOf(const absl::Status& status) {
  google::rpc::ErrorInfo info;
  info.set_reason(sampling::ErrorReason(status));
  info.set_domain(kErrorDomain);
  for (const auto& [key, value] : sampling::ErrorMetadata(status)) {
    (*info.mutable_metadata())[key] = value;
  }
  return info;
}

}  // namespace

absl::Status WithReason(const absl::Status& status) {
  if (status.ok() || !sampling::ErrorReason(status).empty()) return status;
  const char* reason = StorageReason(status.code());
  if (*reason == '\0') return status;
  sampling::Metadata metadata;
  if (const std::optional<std::string> key = storage::KeyOf(status)) {
    metadata = {{"table", storage::TableName(*key)},
                {"key", storage::KeyInHex(*key)}};
  }
  return sampling::MakeError(status.code(), reason, status.message(), metadata);
}

absl::Status Appended(const absl::Status& status, absl::string_view text) {
  const std::string message = absl::StrCat(status.message(), text);
  const std::string reason = sampling::ErrorReason(status);
  if (reason.empty()) return absl::Status(status.code(), message);
  return sampling::MakeError(status.code(), reason, message,
                             sampling::ErrorMetadata(status));
}

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const absl::Status known = WithReason(status);
  const auto code = static_cast<grpc::StatusCode>(known.code());
  const std::string message(known.message());
  if (sampling::ErrorReason(known).empty()) return grpc::Status(code, message);
  google::rpc::Status details;
  details.set_code(static_cast<int>(known.code()));
  details.set_message(message);
  details.add_details()->PackFrom(InfoOf(known));
  return grpc::Status(code, message, details.SerializeAsString());
}

}  // namespace vade::server
