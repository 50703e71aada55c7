#include "client/cpp/transport.h"

#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"

namespace vade::client {
namespace {

constexpr int64_t kLeastMessageBytes = int64_t{4} << 20;
constexpr int64_t kMostMessageBytes = (int64_t{1} << 31) - 1;
// Long enough to connect over a continent, short beside any pause.
constexpr absl::Duration kConnectingSlice = absl::Milliseconds(200);

absl::Status CheckOptions(const ClientOptions& options) {
  const RetryPolicy& retry = options.retry;
  if (options.address.empty()) {
    return absl::InvalidArgumentError("address: must not be empty");
  }
  if (options.default_timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("default_timeout: must be positive, is ",
                     absl::FormatDuration(options.default_timeout)));
  }
  if (retry.max_attempts < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "retry.max_attempts: must be 0 or more, is ", retry.max_attempts));
  }
  if (retry.initial_backoff < absl::ZeroDuration() ||
      retry.max_backoff < absl::ZeroDuration() || !(retry.multiplier >= 1)) {
    return absl::InvalidArgumentError(
        "retry: backoffs must not be negative, multiplier at least 1");
  }
  if (options.max_message_bytes < kLeastMessageBytes ||
      options.max_message_bytes > kMostMessageBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "max_message_bytes: must be in [", kLeastMessageBytes, ", ",
        kMostMessageBytes, "], is ", options.max_message_bytes));
  }
  if (options.tls.has_value() &&
      options.tls->certificate_file.empty() != options.tls->key_file.empty()) {
    return absl::InvalidArgumentError(
        "tls: certificate_file and key_file go together");
  }
  return absl::OkStatus();
}

// Empty for an empty path.
absl::StatusOr<std::string> ReadPem(const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)),
                   std::istreambuf_iterator<char>());
  if (file.bad() || text.empty()) {
    return absl::NotFoundError(
        absl::StrCat("tls: cannot read the file ", path));
  }
  return text;
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeCredentials(
    const std::optional<TlsOptions>& tls) {
  if (!tls.has_value()) return grpc::InsecureChannelCredentials();
  absl::StatusOr<std::string> ca = ReadPem(tls->ca_file);
  if (!ca.ok()) return ca.status();
  absl::StatusOr<std::string> certificate = ReadPem(tls->certificate_file);
  if (!certificate.ok()) return certificate.status();
  absl::StatusOr<std::string> key = ReadPem(tls->key_file);
  if (!key.ok()) return key.status();
  grpc::SslCredentialsOptions ssl;
  ssl.pem_root_certs = *ca;
  ssl.pem_cert_chain = *certificate;
  ssl.pem_private_key = *key;
  return grpc::SslCredentials(ssl);
}

grpc::ChannelArguments MakeArguments(const ClientOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(
      static_cast<int>(options.max_message_bytes));
  arguments.SetMaxSendMessageSize(static_cast<int>(options.max_message_bytes));
  // A restarted server should be found again within a second or two; the
  // library's own pauses would grow to two minutes.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  // Clients of one process would share one connection otherwise.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return arguments;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Transport>> Transport::Open(
    ClientOptions options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  auto credentials = MakeCredentials(options.tls);
  if (!credentials.ok()) return credentials.status();
  std::shared_ptr<grpc::Channel> channel = grpc::CreateCustomChannel(
      options.address, *credentials, MakeArguments(options));
  return std::unique_ptr<Transport>(new Transport(std::move(options), channel));
}

Transport::Transport(ClientOptions options,
                     const std::shared_ptr<grpc::Channel>& channel)
    : options_(std::move(options)),
      clock_(options_.clock != nullptr ? *options_.clock : SystemClock()),
      channel_(channel),
      sampler_(sampler::v1::Sampler::NewStub(channel_)),
      health_(grpc::health::v1::Health::NewStub(channel_)),
      request_id_prefix_(absl::StrCat(
          "client-", absl::Hex(RandomSeed(), absl::kZeroPad16), "-")),
      jitter_seed_(options_.retry.jitter_seed.has_value()
                       ? *options_.retry.jitter_seed
                       : RandomSeed()) {}

absl::Time Transport::DeadlineOf(const CallOptions& call,
                                 absl::Duration extra) {
  return clock_.Now() + (call.timeout.has_value()
                             ? *call.timeout
                             : options_.default_timeout + extra);
}

void Transport::SetDeadline(grpc::ClientContext& context, absl::Time deadline) {
  if (deadline == absl::InfiniteFuture()) return;
  const absl::Duration left = deadline - clock_.Now();
  // Beyond this the library's clock could overflow.
  if (left > absl::Hours(24 * 365)) return;
  context.set_deadline(absl::ToChronoTime(SystemClock().Now() + left));
}

CallResult Transport::Repeat(
    absl::string_view method, absl::Time deadline,
    absl::FunctionRef<grpc::Status(grpc::ClientContext&)> attempt) {
  bool first = true;
  return CallWithRetries(options_.retry, RuleOf(method).repeatable, deadline,
                         NextJitterSeed(), clock_, [&] {
                           if (!first) DriveConnecting();
                           first = false;
                           grpc::ClientContext context;
                           SetDeadline(context, deadline);
                           return FromGrpc(attempt(context));
                         });
}

void Transport::DriveConnecting() {
  channel_->WaitForConnected(
      absl::ToChronoTime(SystemClock().Now() + kConnectingSlice));
}

std::string Transport::NewRequestId() {
  return absl::StrCat(request_id_prefix_, next_request_.fetch_add(1));
}

uint64_t Transport::NextJitterSeed() {
  return jitter_seed_ + next_jitter_.fetch_add(1);
}

}  // namespace vade::client
