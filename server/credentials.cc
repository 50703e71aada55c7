#include "server/credentials.h"

#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"

namespace vade::server {
namespace {

namespace tls = grpc::experimental;

absl::Status CheckReadable(const char* what, const std::string& file) {
  if (std::ifstream(file).good()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, ": cannot read '", file, "'"));
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeCredentials(
    const TlsOptions& options) {
  if (options.cert_file.empty() && options.key_file.empty() &&
      options.client_ca_file.empty()) {
    return grpc::InsecureServerCredentials();
  }
  if (options.cert_file.empty() || options.key_file.empty()) {
    return absl::InvalidArgumentError("TLS needs both a certificate and a key");
  }
  absl::Status status = CheckReadable("certificate", options.cert_file);
  if (status.ok()) status = CheckReadable("key", options.key_file);
  const bool mutual = !options.client_ca_file.empty();
  if (status.ok() && mutual) {
    status = CheckReadable("client CA", options.client_ca_file);
  }
  if (!status.ok()) return status;
  auto provider = std::make_shared<tls::FileWatcherCertificateProvider>(
      options.key_file, options.cert_file, options.client_ca_file,
      static_cast<unsigned int>(
          absl::ToInt64Seconds(options.refresh_interval)));
  tls::TlsServerCredentialsOptions credentials(provider);
  credentials.watch_identity_key_cert_pairs();
  if (mutual) {
    credentials.watch_root_certs();
    credentials.set_cert_request_type(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  } else {
    credentials.set_cert_request_type(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  }
  return tls::TlsServerCredentials(credentials);
}

}  // namespace vade::server
