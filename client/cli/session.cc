#include "client/cli/session.h"

#include "client/cli/flags.h"
#include "client/cli/format.h"

namespace vade::cli {
namespace {

constexpr char kUsageUrl[] = "vadectl/usage";
// A person waits: an absent server should show within a second or so, yet a
// server that restarts this moment should not make the command fail.
constexpr int kMaxAttempts = 6;

}  // namespace

absl::Status UsageError(const std::string& message) {
  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload(kUsageUrl, absl::Cord());
  return status;
}

bool IsUsageError(const absl::Status& status) {
  return status.GetPayload(kUsageUrl).has_value();
}

Session::Session(const GlobalFlags& flags, Streams& streams)
    : flags_(flags), streams_(streams), timeout_(ParseChecked(flags.timeout)) {}

absl::StatusOr<client::Client*> Session::client() {
  return Connect(kMaxAttempts, client_);
}

absl::StatusOr<client::Client*> Session::PatientClient(const std::string& run) {
  auto hasty = client();
  if (!hasty.ok()) return hasty.status();
  api::GetRunRequest request;
  request.set_name(client::RunName(run));
  auto found = (*hasty)->GetRun(request);
  if (!found.ok()) return found.status();
  return Connect(/*max_attempts=*/0, patient_client_);
}

absl::StatusOr<client::Client*> Session::Connect(
    int max_attempts, std::unique_ptr<client::Client>& client) {
  if (client != nullptr) return client.get();
  client::ClientOptions options;
  options.address = flags_.address;
  options.default_timeout = timeout_;
  options.retry.max_attempts = max_attempts;
  if (flags_.tls || !flags_.tls_ca_file.empty() ||
      !flags_.tls_certificate_file.empty()) {
    options.tls = client::TlsOptions{
        flags_.tls_ca_file, flags_.tls_certificate_file, flags_.tls_key_file};
  }
  absl::StatusOr<std::unique_ptr<client::Client>> connected =
      client::Client::Connect(std::move(options));
  if (!connected.ok()) {
    return UsageError(std::string(connected.status().message()));
  }
  client = *std::move(connected);
  return client.get();
}

absl::Status Session::PrintJson(const google::protobuf::Message& message) {
  out() << ToJson(message, /*pretty=*/true) << "\n";
  return absl::OkStatus();
}

absl::Status Session::PrintJsonLine(const google::protobuf::Message& message) {
  out() << ToJson(message, /*pretty=*/false) << std::endl;
  return absl::OkStatus();
}

}  // namespace vade::cli
