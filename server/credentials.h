// Credentials of the server's port: TLS, or none. Plain function, thread-safe.
#ifndef VADE_SERVER_CREDENTIALS_H_
#define VADE_SERVER_CREDENTIALS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "grpcpp/security/server_credentials.h"
#include "server/server.h"

namespace vade::server {

// INVALID_ARGUMENT if a file is missing or cannot be read.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeCredentials(
    const TlsOptions& options);

}  // namespace vade::server

#endif  // VADE_SERVER_CREDENTIALS_H_
