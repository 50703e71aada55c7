#include "client/cpp/retry.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "absl/strings/str_format.h"
#include "client/cpp/error.h"

namespace vade::client {
namespace {

using sampler::v1::ErrorReason;

constexpr char kReads[] = "it changes nothing";
constexpr char kTwice[] = "the server takes the same call twice as once";

constexpr MethodRule kRules[] = {
    {"CreateRun", Repeatable::kAlways,
     "a run that is there already with the settings asked for is the answer"},
    {"GetRun", Repeatable::kAlways, kReads},
    {"ListRuns", Repeatable::kAlways, kReads},
    {"UpdateRun(etag)", Repeatable::kAlways,
     "the etag keeps a repeat from undoing someone else's change"},
    {"UpdateRun", Repeatable::kIfRefused,
     "without an etag a repeat could undo someone else's change"},
    {"DeleteRun", Repeatable::kAlways, "a run that is gone is the wish"},
    {"ImportPrompts", Repeatable::kAlways, kTwice},
    {"ImportPrompts(fail)", Repeatable::kIfRefused,
     "a repeat would find its own prompts there and refuse them"},
    {"ExportPrompts", Repeatable::kAlways,
     "before the first message; later the reader has had a part"},
    {"GetPrompt", Repeatable::kAlways, kReads},
    {"BatchGetPrompts", Repeatable::kAlways, kReads},
    {"ListPrompts", Repeatable::kAlways, kReads},
    {"UpdatePrompt", Repeatable::kAlways, kTwice},
    {"DeletePrompt", Repeatable::kAlways, "a prompt that is gone is the wish"},
    {"SampleBatch", Repeatable::kAlways,
     "the request_id, made up if need be, names the batch"},
    {"GetBatch", Repeatable::kAlways, kReads},
    {"ListBatches", Repeatable::kAlways, kReads},
    {"RenewBatch", Repeatable::kAlways, kTwice},
    {"ReleaseBatch", Repeatable::kAlways, kTwice},
    {"ReportRewards", Repeatable::kAlways,
     "(batch, prompt, rollout index) counts once"},
    {"GetRunStats", Repeatable::kAlways, kReads},
    {"WatchRun", Repeatable::kAlways, kReads},
};

// A pause of nothing at all would let many clients spin together.
constexpr absl::Duration kLeastPause = absl::Milliseconds(1);

}  // namespace

absl::Span<const MethodRule> MethodRules() { return kRules; }

const MethodRule& RuleOf(absl::string_view method) {
  const auto rule =
      std::find_if(std::begin(kRules), std::end(kRules),
                   [&](const MethodRule& r) { return r.method == method; });
  if (rule == std::end(kRules)) std::abort();
  return *rule;
}

bool WasRefused(const absl::Status& status) {
  switch (ErrorReasonOf(status)) {
    case ErrorReason::SERVER_LOADING:
    case ErrorReason::SERVER_DRAINING:
    case ErrorReason::OVERLOADED:
      return true;
    default:
      return false;
  }
}

bool MayRepeat(const absl::Status& status, Repeatable repeatable) {
  if (WasRefused(status)) return true;
  // No caller cancels what comes here, so CANCELLED is gRPC's answer to a call
  // that arrived while the server shut down.
  const bool lost = status.code() == absl::StatusCode::kUnavailable ||
                    status.code() == absl::StatusCode::kCancelled;
  return lost && repeatable == Repeatable::kAlways;
}

Backoff::Backoff(const RetryPolicy& policy, uint64_t seed)
    : max_(policy.max_backoff),
      multiplier_(policy.multiplier),
      ceiling_(std::min(policy.initial_backoff, policy.max_backoff)),
      rng_(seed) {}

absl::Duration Backoff::Next() {
  // The top 53 bits as a fraction, so that a seed gives the same pauses with
  // every standard library.
  const double fraction = static_cast<double>(rng_() >> 11) * 0x1p-53;
  const absl::Duration pause = ceiling_ * fraction;
  ceiling_ = std::min(ceiling_ * multiplier_, max_);
  return std::max(pause, std::min(kLeastPause, max_));
}

CallResult CallWithRetries(const RetryPolicy& policy, Repeatable repeatable,
                           absl::Time deadline, uint64_t jitter_seed,
                           Clock& clock,
                           absl::FunctionRef<absl::Status()> attempt) {
  const absl::Time start = clock.Now();
  Backoff backoff(policy, jitter_seed);
  CallResult result;
  while (true) {
    result.status = attempt();
    ++result.attempts;
    if (!MayRepeat(result.status, repeatable)) return result;
    result.maybe_applied |= !WasRefused(result.status);

    const absl::Duration pause = backoff.Next();
    const absl::Time now = clock.Now();
    const bool last =
        policy.max_attempts > 0 && result.attempts >= policy.max_attempts;
    if (last || now + pause >= deadline) {
      if (result.attempts > 1) {
        result.status = AppendToMessage(
            result.status,
            absl::StrFormat(" (gave up after %d attempts in %.1f s)",
                            result.attempts,
                            absl::ToDoubleSeconds(now - start)));
      }
      return result;
    }
    clock.Sleep(pause);
  }
}

}  // namespace vade::client
