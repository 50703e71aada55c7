// How the load tool connects.
#ifndef VADE_CLIENT_LOAD_CONNECTION_H_
#define VADE_CLIENT_LOAD_CONNECTION_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"

namespace vade::load {

// A client without encryption. `timeout` is for a call with all its repeats;
// the default leaves a server time to come back. Errors as Client::Connect.
absl::StatusOr<std::unique_ptr<client::Client>> ConnectTo(
    const std::string& address, absl::Duration timeout = absl::Seconds(60));

}  // namespace vade::load

#endif  // VADE_CLIENT_LOAD_CONNECTION_H_
