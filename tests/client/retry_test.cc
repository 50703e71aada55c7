#include "client/cpp/retry.h"

#include <fstream>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "client/cpp/error.h"
#include "tests/catch.h"
#include "tests/client/fake_clock.h"
#include "tests/client/fake_sampler.h"

namespace vade::client {
namespace {

absl::Status Refused(grpc::StatusCode code, const std::string& reason) {
  return FromGrpc(ErrorWithReason(code, "refused", reason));
}

RetryPolicy SmallPolicy() {
  RetryPolicy policy;
  policy.initial_backoff = absl::Milliseconds(100);
  policy.max_backoff = absl::Seconds(1);
  return policy;
}

}  // namespace

TEST_CASE("The table of repeats has every method of the API", "[unit]") {
  std::set<std::string> ruled;
  for (const MethodRule& rule : MethodRules()) {
    const std::string method(rule.method.data(), rule.method.size());
    CHECK(!rule.why.empty());
    ruled.insert(method.substr(0, method.find('(')));
  }
  std::ifstream proto(VADE_SOURCE_DIR "/proto/vade/sampler/v1/sampler.proto");
  std::set<std::string> methods;
  const std::regex rpc("^  rpc (\\w+).*");
  std::smatch match;
  for (std::string line; std::getline(proto, line);) {
    if (std::regex_match(line, match, rpc)) methods.insert(match[1]);
  }
  CHECK(ruled == methods);
}

TEST_CASE("UNAVAILABLE is repeated if the method allows it", "[unit]") {
  const absl::Status lost = absl::UnavailableError("connection lost");
  CHECK(MayRepeat(lost, Repeatable::kAlways));
  CHECK(MayRepeat(absl::CancelledError("by the server that shuts down"),
                  Repeatable::kAlways));
  CHECK_FALSE(MayRepeat(absl::CancelledError("by the server that shuts down"),
                        Repeatable::kIfRefused));
  CHECK_FALSE(MayRepeat(lost, Repeatable::kIfRefused));
  CHECK(MayRepeat(Refused(grpc::StatusCode::UNAVAILABLE, "STORAGE_FAILED"),
                  Repeatable::kAlways));
  CHECK_FALSE(
      MayRepeat(Refused(grpc::StatusCode::UNAVAILABLE, "STORAGE_FAILED"),
                Repeatable::kIfRefused));
}

TEST_CASE("A call that the server refused untouched is always repeated",
          "[unit]") {
  for (const char* reason : {"SERVER_LOADING", "SERVER_DRAINING"}) {
    CHECK(MayRepeat(Refused(grpc::StatusCode::UNAVAILABLE, reason),
                    Repeatable::kIfRefused));
  }
  CHECK(MayRepeat(Refused(grpc::StatusCode::RESOURCE_EXHAUSTED, "OVERLOADED"),
                  Repeatable::kIfRefused));
}

TEST_CASE("Errors that a repeat cannot mend are not repeated", "[unit]") {
  for (const char* reason : {"NOT_ENOUGH_ELIGIBLE", "PAYLOADS_TOO_LARGE",
                             "TOO_MANY_RUNS", "TOO_MANY_PROMPTS"}) {
    CHECK_FALSE(MayRepeat(Refused(grpc::StatusCode::RESOURCE_EXHAUSTED, reason),
                          Repeatable::kAlways));
  }
  CHECK_FALSE(MayRepeat(absl::ResourceExhaustedError("message too large"),
                        Repeatable::kAlways));
  CHECK_FALSE(MayRepeat(absl::DeadlineExceededError(""), Repeatable::kAlways));
  CHECK_FALSE(MayRepeat(absl::InternalError(""), Repeatable::kAlways));
  CHECK_FALSE(MayRepeat(absl::OkStatus(), Repeatable::kAlways));
}

TEST_CASE("Pauses are within ceilings that double up to the greatest",
          "[unit]") {
  const double ceilings[] = {0.1, 0.2, 0.4, 0.8, 1, 1, 1};
  for (uint64_t seed = 0; seed < 100; ++seed) {
    INFO("seed " << seed);
    Backoff backoff(SmallPolicy(), seed);
    for (const double ceiling : ceilings) {
      const double pause = absl::ToDoubleSeconds(backoff.Next());
      CHECK(pause >= 0.001);
      CHECK(pause <= ceiling);
    }
  }
}

TEST_CASE("Pauses spread over the whole of their ceiling", "[unit]") {
  // Full jitter: means of 1000 uniforms on [0, 0.1] have a standard deviation
  // of 0.0009; the seeds are fixed, so this holds or it does not.
  double sum = 0;
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    Backoff backoff(SmallPolicy(), seed);
    sum += absl::ToDoubleSeconds(backoff.Next());
  }
  CHECK(sum / 1000 == Approx(0.05).margin(0.004));
}

TEST_CASE("The same seed gives the same pauses", "[unit]") {
  Backoff first(SmallPolicy(), 7);
  Backoff second(SmallPolicy(), 7);
  for (int i = 0; i < 10; ++i) CHECK(first.Next() == second.Next());
}

TEST_CASE("A call is repeated until it succeeds", "[unit]") {
  FakeClock clock;
  int left = 3;
  const CallResult result = CallWithRetries(
      SmallPolicy(), Repeatable::kAlways, clock.Now() + absl::Seconds(60), 1,
      clock, [&] {
        return left-- > 0 ? absl::UnavailableError("no") : absl::OkStatus();
      });
  CHECK(result.status.ok());
  CHECK(result.attempts == 4);
  CHECK(result.maybe_applied);
  CHECK(clock.pauses().size() == 3);
}

TEST_CASE("A call that was only refused cannot have taken effect", "[unit]") {
  FakeClock clock;
  int left = 2;
  const CallResult result = CallWithRetries(
      SmallPolicy(), Repeatable::kIfRefused, clock.Now() + absl::Seconds(60), 1,
      clock, [&] {
        return left-- > 0
                   ? Refused(grpc::StatusCode::UNAVAILABLE, "SERVER_LOADING")
                   : absl::OkStatus();
      });
  CHECK(result.status.ok());
  CHECK_FALSE(result.maybe_applied);
}

TEST_CASE("Repeats end with the attempts, and the error says so", "[unit]") {
  FakeClock clock;
  RetryPolicy policy = SmallPolicy();
  policy.max_attempts = 3;
  const CallResult result = CallWithRetries(
      policy, Repeatable::kAlways, clock.Now() + absl::Seconds(60), 1, clock,
      [] { return absl::UnavailableError("no answer"); });
  CHECK(result.attempts == 3);
  CHECK(result.status.code() == absl::StatusCode::kUnavailable);
  CHECK(std::string(result.status.message())
            .find("no answer (gave up after 3 "
                  "attempts") == 0);
}

TEST_CASE("Repeats end before the deadline, never after it", "[unit]") {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    INFO("seed " << seed);
    FakeClock clock;
    const absl::Time deadline = clock.Now() + absl::Seconds(5);
    const CallResult result = CallWithRetries(
        SmallPolicy(), Repeatable::kAlways, deadline, seed, clock, [&] {
          clock.Advance(absl::Milliseconds(10));
          return absl::UnavailableError("no");
        });
    CHECK(!result.status.ok());
    CHECK(result.attempts > 5);
    CHECK(clock.Now() < deadline + absl::Milliseconds(10));
  }
}

}  // namespace vade::client
