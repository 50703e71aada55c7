// From the engine's errors to what goes over the wire: the one place where an
// absl::Status becomes a grpc::Status. Pure functions, thread-safe.
#ifndef VADE_SERVER_STATUS_MAPPING_H_
#define VADE_SERVER_STATUS_MAPPING_H_

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace vade::server {

inline constexpr char kErrorDomain[] = "vade.sampler.v1";

// Same code and text. The details hold a google.rpc.Status with one
// google.rpc.ErrorInfo, its reason a name of ErrorReason. Errors that came
// without a reason get the one their code has in the store: DATA_LOSS
// CORRUPT_RECORD, UNAVAILABLE STORAGE_FAILED, FAILED_PRECONDITION NEWER_FORMAT;
// other codes have none, and then no ErrorInfo is sent. Those about one record
// get its table and key as metadata.
grpc::Status ToGrpc(const absl::Status& status);

// `status` with a reason, as ToGrpc would give it.
absl::Status WithReason(const absl::Status& status);

// `status` with `text` after its message; reason and metadata stay.
absl::Status Appended(const absl::Status& status, absl::string_view text);

}  // namespace vade::server

#endif  // VADE_SERVER_STATUS_MAPPING_H_
