#include "client/load/connection.h"

namespace vade::load {

absl::StatusOr<std::unique_ptr<client::Client>> ConnectTo(
    const std::string& address, absl::Duration timeout) {
  client::ClientOptions options;
  options.address = address;
  options.default_timeout = timeout;
  // A server that was killed is back within a second.
  options.retry.max_backoff = absl::Seconds(1);
  return client::Client::Connect(options);
}

}  // namespace vade::load
