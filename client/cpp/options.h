// How a client connects, waits and repeats. Plain values, thread-compatible.
#ifndef VADE_CLIENT_CPP_OPTIONS_H_
#define VADE_CLIENT_CPP_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "client/cpp/clock.h"

namespace vade::client {

// Where a server listens unless told otherwise.
inline constexpr char kDefaultAddress[] = "127.0.0.1:7447";

// Files in PEM form.
struct TlsOptions {
  // Who signs the server's certificate. Empty: the system's authorities.
  std::string ca_file;
  // Who we are, for servers that ask. Both or neither.
  std::string certificate_file;
  std::string key_file;
};

// When a call that may be repeated is repeated (see retry.h for which may).
struct RetryPolicy {
  // At least 1; 0 (default): as many as the call's deadline allows.
  int max_attempts = 0;
  // The n-th pause is uniform in [0, min(max, initial * multiplier^(n-1))]:
  // full jitter, so that workers cut off together do not come back together.
  absl::Duration initial_backoff = absl::Milliseconds(50);
  absl::Duration max_backoff = absl::Seconds(5);
  // At least 1.
  double multiplier = 2.0;
  // Seeds the jitter, to replay a test. Unset: random.
  std::optional<uint64_t> jitter_seed;
};

struct ClientOptions {
  // host:port, unix:/path, or any name that gRPC resolves.
  std::string address = kDefaultAddress;
  // Unset: no encryption.
  std::optional<TlsOptions> tls;
  // Deadline of a call with all its attempts and pauses, unless CallOptions
  // say otherwise. SampleBatch adds its max_wait.
  absl::Duration default_timeout = absl::Seconds(30);
  RetryPolicy retry;
  // Largest message sent or received, 4 MiB to 2 GiB - 1. A batch with
  // payloads is up to 64 MiB of them.
  int64_t max_message_bytes = int64_t{128} << 20;
  // Null: the machine's. Must outlive the client.
  Clock* clock = nullptr;
};

struct CallOptions {
  // Deadline of this call with all its attempts and pauses. Unset: the
  // client's default.
  std::optional<absl::Duration> timeout;
};

}  // namespace vade::client

#endif  // VADE_CLIENT_CPP_OPTIONS_H_
