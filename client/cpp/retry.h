// Which calls may be repeated, when, and after what pause.
#ifndef VADE_CLIENT_CPP_RETRY_H_
#define VADE_CLIENT_CPP_RETRY_H_

#include <cstdint>
#include <random>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/cpp/clock.h"
#include "client/cpp/options.h"

namespace vade::client {

enum class Repeatable {
  // Whatever happened to the attempt before.
  kAlways,
  // Only if the server says that it did nothing (SERVER_LOADING,
  // SERVER_DRAINING, OVERLOADED).
  kIfRefused,
};

// A method of the API and why it may be repeated, or not.
struct MethodRule {
  absl::string_view method;
  Repeatable repeatable;
  absl::string_view why;
};

// The one table, every method of the API once.
absl::Span<const MethodRule> MethodRules();

// `method` is one of the table.
const MethodRule& RuleOf(absl::string_view method);

// The call was refused before anything was done.
bool WasRefused(const absl::Status& status);

// A call that failed with `status` may be sent again as it is.
bool MayRepeat(const absl::Status& status, Repeatable repeatable);

// The pauses of one call. Thread-compatible.
class Backoff {
 public:
  Backoff(const RetryPolicy& policy, uint64_t seed);

  // The next pause; RetryPolicy says how long.
  absl::Duration Next();

 private:
  const absl::Duration max_;
  const double multiplier_;
  absl::Duration ceiling_;
  std::mt19937_64 rng_;
};

struct CallResult {
  absl::Status status;
  int attempts = 0;
  // An attempt failed in a way that leaves open whether it took effect.
  bool maybe_applied = false;
};

// Calls `attempt` until it succeeds, fails for good, or there is no time before
// `deadline` or no attempt left for another; then the last error, saying so.
CallResult CallWithRetries(const RetryPolicy& policy, Repeatable repeatable,
                           absl::Time deadline, uint64_t jitter_seed,
                           Clock& clock,
                           absl::FunctionRef<absl::Status()> attempt);

}  // namespace vade::client

#endif  // VADE_CLIENT_CPP_RETRY_H_
