// Errors of calls: absl::Status with the code and text of the server's answer,
// and what its google.rpc.ErrorInfo says. Branch on code and reason, never on
// text. Pure functions, thread-safe.
#ifndef VADE_CLIENT_CPP_ERROR_H_
#define VADE_CLIENT_CPP_ERROR_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/rpc/error_details.pb.h"
#include "grpcpp/support/status.h"
#include "vade/sampler/v1/errors.pb.h"

namespace vade::client {

// Same code and message; the ErrorInfo of grpc-status-details-bin, if there is
// one that parses, becomes a payload of the status.
absl::Status FromGrpc(const grpc::Status& status);

// The ErrorInfo of an error this library returned; none if the server gave
// none, as for errors of the transport.
std::optional<google::rpc::ErrorInfo> ErrorInfoOf(const absl::Status& status);

// The reason, ERROR_REASON_UNSPECIFIED if there is none, or one that is newer
// than this library (ErrorInfoOf has its name).
sampler::v1::ErrorReason ErrorReasonOf(const absl::Status& status);

// Metadata of the ErrorInfo under `key`; empty if there is none.
std::string ErrorMetadataOf(const absl::Status& status, absl::string_view key);

// `status` with `text` after its message; code and payloads unchanged.
absl::Status AppendToMessage(const absl::Status& status,
                             absl::string_view text);

}  // namespace vade::client

#endif  // VADE_CLIENT_CPP_ERROR_H_
