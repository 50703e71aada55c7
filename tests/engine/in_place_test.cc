// Small calls that are done on the thread that makes them. The one worker is
// held wherever nothing may be left to it.
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/sampling/run_queue.h"
#include "tests/catch.h"
#include "tests/engine/queue_fixture.h"
#include "tests/engine/run_fixture.h"

namespace vade::sampling {
namespace {

using storage::FailedWrite;

class InPlaceFixture : public QueueFixture {
 public:
  explicit InPlaceFixture(int prompts, int threads = 1)
      : QueueFixture(prompts, {}, threads, /*writes_wait=*/false) {
    // The worker that answered the last call has the run a little longer. With
    // one worker, what comes behind it finds it done.
    std::promise<void> idle;
    pool().Post([&idle] { idle.set_value(); });
    idle.get_future().wait();
  }

  void SmallImport(const std::string& id, Call<ImportResult>& call,
                   AnswerLog* log = nullptr) {
    Import(id, call, log, CallSize::kSmall);
  }
  void SmallRead(Call<RunInfo>& call, AnswerLog* log = nullptr,
                 const std::string& name = "small") {
    Read(call, log, name, CallSize::kSmall);
  }
};

TEST_CASE("A small call of an idle run is done where it is made", "[unit]") {
  InPlaceFixture f(1);
  Gate gate(f.pool());
  const uint64_t writes = f.store().writes();
  Call<ImportResult> change;
  f.SmallImport("p1", change);
  REQUIRE(change.answered());
  CHECK(change.Wait().ok());
  CHECK(f.store().writes() == writes + 1);
  Call<RunInfo> read;
  f.SmallRead(read);
  REQUIRE(read.answered());
  CHECK(read.Wait()->prompts == 2);
  Call<SampleResult> sample;
  f.Sample(RequestOf(1), absl::ZeroDuration(), sample);
  REQUIRE(sample.answered());
  CHECK(sample.Wait().ok());
}

TEST_CASE("No call is done where it is made if writes wait", "[unit]") {
  QueueFixture f(1);
  Gate gate(f.pool());
  Call<RunInfo> read;
  f.Read(read, nullptr, "", CallSize::kSmall);
  CHECK_FALSE(read.answered());
  gate.Open();
  CHECK(read.Wait().ok());
}

TEST_CASE("A large call is left to the workers, small ones behind it too",
          "[unit]") {
  InPlaceFixture f(40);
  AnswerLog log;
  Gate gate(f.pool());
  Call<SampleResult> large;
  f.Sample(RequestOf(40), absl::ZeroDuration(), large, nullptr, &log, "large");
  Call<RunInfo> small;
  f.SmallRead(small, &log);
  CHECK_FALSE(large.answered());
  CHECK_FALSE(small.answered());
  gate.Open();
  CHECK(large.Wait().ok());
  CHECK(small.Wait()->in_flight == 40);
  CHECK(log.names() == std::vector<std::string>{"large", "small"});
}

TEST_CASE("A large call that comes while a small one is done goes to a worker",
          "[unit]") {
  InPlaceFixture f(0);
  Gate gate(f.pool());
  AnswerLog log;
  Call<RunInfo> large;
  Call<RunInfo> after;
  f.queue().Read<bool>([](const Run&) { return true; },
                       [&](const absl::StatusOr<bool>&) {
                         f.Read(large, &log, "large");
                         f.SmallRead(after, &log, "after");
                       },
                       CallSize::kSmall);
  CHECK_FALSE(large.answered());
  CHECK_FALSE(after.answered());
  gate.Open();
  CHECK(large.Wait().ok());
  CHECK(after.Wait().ok());
  CHECK(log.names() == std::vector<std::string>{"large", "after"});
}

TEST_CASE("An answer may make the next call, and a caller is let go in time",
          "[unit]") {
  InPlaceFixture f(0);
  Gate gate(f.pool());
  constexpr int kCalls = 100'000;
  const std::thread::id here = std::this_thread::get_id();
  int answers = 0;
  int answers_here = 0;
  Call<bool> last;
  const auto done = last.Done();
  std::function<void(const absl::StatusOr<bool>&)> next =
      [&](const absl::StatusOr<bool>& result) {
        ++answers;
        if (std::this_thread::get_id() == here) ++answers_here;
        if (answers == kCalls) return done(result);
        f.queue().Read<bool>([](const Run&) { return true; }, next,
                             CallSize::kSmall);
      };
  f.queue().Read<bool>([](const Run&) { return true; }, next, CallSize::kSmall);
  // The worker is held, so what was left to it is not done yet.
  CHECK(answers_here >= 1);
  CHECK(answers_here <= 2000);
  CHECK(answers == answers_here);
  gate.Open();
  CHECK(last.Wait().ok());
  CHECK(answers == kCalls);
}

TEST_CASE("Small calls that gather during a write are answered by one write",
          "[unit]") {
  InPlaceFixture f(0);
  Gate gate(f.pool());
  AnswerLog log;
  f.store().BlockWrites();
  const uint64_t writes = f.store().writes();
  Call<ImportResult> first;
  std::thread caller([&] { f.SmallImport("first", first, &log); });
  f.store().WaitForBlockedWrites(1);
  std::vector<Call<ImportResult>> calls(20);
  std::vector<std::string> expected = {"first"};
  for (size_t i = 0; i < calls.size(); ++i) {
    f.SmallImport(absl::StrCat("p", i), calls[i], &log);
    expected.push_back(absl::StrCat("p", i));
  }
  CHECK(log.names().empty());
  f.store().UnblockWrites();
  caller.join();
  for (Call<ImportResult>& call : calls) CHECK(call.Wait().ok());
  CHECK(f.store().writes() == writes + 2);
  CHECK(log.names() == expected);
}

TEST_CASE("A small call whose write fails is refused, and so are later ones",
          "[unit]") {
  InPlaceFixture f(1);
  Gate gate(f.pool());
  f.store().FailWrite(1, FailedWrite::kAbsent);
  Call<ImportResult> failed;
  f.SmallImport("lost", failed);
  REQUIRE(failed.answered());
  CHECK(ReasonOf(failed.Wait()) == "STORAGE_FAILED");
  Call<ImportResult> refused;
  f.SmallImport("refused", refused);
  REQUIRE(refused.answered());
  CHECK(ReasonOf(refused.Wait()) == "STORAGE_FAILED");
  Call<RunInfo> read;
  f.SmallRead(read);
  REQUIRE(read.answered());
  CHECK(read.Wait().ok());
}

TEST_CASE("While calls wait for prompts, small calls are left to the workers",
          "[unit]") {
  InPlaceFixture f(1);
  const auto first = f.SampleNow(RequestOf(1));
  REQUIRE(first.ok());
  Call<SampleResult> waiting;
  f.Sample(RequestOf(1), absl::Hours(1), waiting);
  Call<RunInfo> read;
  {
    Gate gate(f.pool());
    f.SmallRead(read);
    CHECK_FALSE(read.answered());
  }
  CHECK(read.Wait().ok());
  f.Release(first->batch_id);
  CHECK(waiting.Wait().ok());
}

// For ThreadSanitizer above all.
TEST_CASE("Small calls of a run that is deleted meanwhile are all answered",
          "[unit]") {
  InPlaceFixture f(0, 2);
  constexpr int kThreads = 3;
  constexpr int kCalls = 300;
  std::vector<std::vector<Call<ImportResult>>> calls(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    calls[t] = std::vector<Call<ImportResult>>(kCalls);
    threads.emplace_back([&f, &mine = calls[t], t] {
      for (int i = 0; i < kCalls; ++i) {
        f.SmallImport(absl::StrCat(t, "-", i), mine[i]);
      }
    });
  }
  Call<bool> deleted;
  f.registry().Delete("run", "", [&](const absl::Status& status) {
    deleted.Done()(status.ok() ? absl::StatusOr<bool>(true) : status);
  });
  for (std::thread& thread : threads) thread.join();
  CHECK(deleted.Wait().ok());
  for (auto& mine : calls) {
    bool gone = false;
    for (Call<ImportResult>& call : mine) {
      const auto result = call.Wait();
      CHECK((result.ok() ? !gone : ReasonOf(result) == "RUN_NOT_FOUND"));
      gone = gone || !result.ok();
    }
  }
}

}  // namespace
}  // namespace vade::sampling
