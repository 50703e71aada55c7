#include "client/cpp/error.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/status.pb.h"

namespace vade::client {
namespace {

constexpr char kErrorInfoUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";

}  // namespace

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()),
                      status.error_message());
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return result;
  for (const google::protobuf::Any& detail : details.details()) {
    google::rpc::ErrorInfo info;
    if (detail.Is<google::rpc::ErrorInfo>() && detail.UnpackTo(&info)) {
      result.SetPayload(kErrorInfoUrl, absl::Cord(info.SerializeAsString()));
      break;
    }
  }
  return result;
}

std::optional<google::rpc::ErrorInfo> ErrorInfoOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kErrorInfoUrl);
  google::rpc::ErrorInfo info;
  if (!payload.has_value() || !info.ParseFromString(std::string(*payload))) {
    return std::nullopt;
  }
  return info;
}

sampler::v1::ErrorReason ErrorReasonOf(const absl::Status& status) {
  sampler::v1::ErrorReason reason = sampler::v1::ERROR_REASON_UNSPECIFIED;
  if (const auto info = ErrorInfoOf(status)) {
    sampler::v1::ErrorReason_Parse(info->reason(), &reason);
  }
  return reason;
}

std::string ErrorMetadataOf(const absl::Status& status, absl::string_view key) {
  const auto info = ErrorInfoOf(status);
  if (!info) return "";
  const auto found = info->metadata().find(std::string(key));
  return found == info->metadata().end() ? "" : found->second;
}

absl::Status AppendToMessage(const absl::Status& status,
                             absl::string_view text) {
  if (status.ok()) return status;
  absl::Status result(status.code(), absl::StrCat(status.message(), text));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    result.SetPayload(url, payload);
  });
  return result;
}

}  // namespace vade::client
