// Large calls: applied while another write goes on, answered in their turn.
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/sampling/run_queue.h"
#include "tests/catch.h"
#include "tests/engine/queue_fixture.h"
#include "tests/engine/run_fixture.h"

namespace vade::sampling {
namespace {

using storage::FailedWrite;

// A large call that says when it is applied.
class LargeCall {
 public:
  void Start(QueueFixture& f, const std::string& id, AnswerLog* log) {
    ImportRequest request;
    request.prompts.push_back({id, "", {}, true, std::nullopt});
    f.queue().Change<ImportResult>(
        [request, applied = applied_](Run& run, absl::Time now) {
          auto result = run.Import(request, now);
          applied->set_value();
          return result;
        },
        call_.Done(log, id), CallSize::kLarge);
  }
  // Long enough for any machine; one that is applied takes no such time.
  bool WaitUntilApplied() {
    return future_.wait_for(std::chrono::seconds(60)) ==
           std::future_status::ready;
  }
  absl::StatusOr<ImportResult> Wait() { return call_.Wait(); }

 private:
  std::shared_ptr<std::promise<void>> applied_ =
      std::make_shared<std::promise<void>>();
  std::future<void> future_ = applied_->get_future();
  Call<ImportResult> call_;
};

TEST_CASE("A large call is applied while another is written, and not answered",
          "[unit]") {
  const bool writes_wait = GENERATE(true, false);
  QueueFixture f(0, {}, 2, writes_wait);
  AnswerLog log;
  const uint64_t writes = f.store().writes();
  f.store().BlockWrites();
  std::vector<LargeCall> calls(4);
  calls[0].Start(f, "0", &log);
  f.store().WaitForBlockedWrites(1);
  // Whatever comes while one write goes on goes into the next one, also after
  // its thread found nothing more to apply.
  for (const size_t i : {1, 2, 3}) {
    calls[i].Start(f, std::to_string(i), &log);
    CHECK(calls[i].WaitUntilApplied());
  }
  CHECK(log.names().empty());
  f.store().UnblockWrites();
  for (LargeCall& call : calls) CHECK(call.Wait().ok());
  CHECK(log.names() == std::vector<std::string>{"0", "1", "2", "3"});
  CHECK(f.store().writes() == writes + 2);
  CHECK(f.Info().prompts == 4);
}

TEST_CASE("A write begins after the answers to the one before", "[unit]") {
  QueueFixture f(0, {}, 2);
  const uint64_t writes = f.store().writes();
  std::promise<void> next_applied;
  std::promise<uint64_t> seen;
  f.queue().Change<bool>([](Run&, absl::Time) { return true; },
                         [&, applied = next_applied.get_future().share()](
                             const absl::StatusOr<bool>&) {
                           applied.wait();
                           // The next write would have begun by then, were it
                           // to.
                           for (int i = 0; i < 1000; ++i) {
                             std::this_thread::yield();
                             f.queue().counts();
                           }
                           seen.set_value(f.store().writes());
                         },
                         CallSize::kLarge);
  Call<ImportResult> next;
  ImportRequest request;
  request.prompts.push_back({"next", "", {}, true, std::nullopt});
  f.queue().Change<ImportResult>(
      [&](Run& run, absl::Time now) {
        auto result = run.Import(request, now);
        next_applied.set_value();
        return result;
      },
      next.Done(), CallSize::kLarge);
  CHECK(next.Wait().ok());
  CHECK(seen.get_future().get() == writes);
}

TEST_CASE("A small call leaves the run to the thread that writes", "[unit]") {
  QueueFixture f(0, {}, 2);
  AnswerLog log;
  f.store().BlockWrites();
  LargeCall first;
  first.Start(f, "first", &log);
  f.store().WaitForBlockedWrites(1);
  Call<ImportResult> small;
  f.Import("small", small, &log, CallSize::kSmall);
  Call<ImportResult> any;
  f.Import("any", any, &log);
  // A large one behind them takes them along.
  LargeCall large;
  large.Start(f, "large", &log);
  CHECK(large.WaitUntilApplied());
  CHECK(log.names().empty());
  f.store().UnblockWrites();
  CHECK(large.Wait().ok());
  CHECK(log.names() ==
        std::vector<std::string>{"first", "small", "any", "large"});
}

TEST_CASE("Each large call that waits is a write of its own", "[unit]") {
  QueueFixture f(0);  // one thread: none is written while another is applied
  const uint64_t writes = f.store().writes();
  AnswerLog log;
  std::vector<LargeCall> large(3);
  std::vector<Call<ImportResult>> small(3);
  {
    const Gate gate(f.pool());
    for (size_t i = 0; i < large.size(); ++i) {
      f.Import("small" + std::to_string(i), small[i], &log, CallSize::kSmall);
      large[i].Start(f, "large" + std::to_string(i), &log);
    }
  }
  CHECK(large[2].Wait().ok());
  CHECK(f.store().writes() == writes + 3);
  CHECK(log.names() == std::vector<std::string>{"small0", "large0", "small1",
                                                "large1", "small2", "large2"});
}

TEST_CASE("Large calls share a write if it takes longer than applying them",
          "[unit]") {
  QueueFixture f(0);
  AnswerLog log;
  const auto writes_of_three = [&](const std::string& name) {
    const uint64_t writes = f.store().writes();
    std::vector<LargeCall> calls(3);
    {
      const Gate gate(f.pool());
      for (size_t i = 0; i < calls.size(); ++i) {
        calls[i].Start(f, name + std::to_string(i), &log);
      }
    }
    for (LargeCall& call : calls) CHECK(call.Wait().ok());
    return f.store().writes() - writes;
  };
  CHECK(writes_of_three("a") == 3);
  f.store().BlockWrites();
  LargeCall slow;
  slow.Start(f, "slow", &log);
  f.store().WaitForBlockedWrites(1);
  f.clock().Advance(absl::Milliseconds(1));
  f.store().UnblockWrites();
  CHECK(slow.Wait().ok());
  CHECK(writes_of_three("b") == 1);
  // That write took no time.
  CHECK(writes_of_three("c") == 3);
}

TEST_CASE("What was applied during a write that fails is not written",
          "[unit]") {
  const FailedWrite outcome =
      GENERATE(FailedWrite::kAbsent, FailedWrite::kPresent);
  QueueFixture f(0, {}, 2);
  AnswerLog log;
  const uint64_t writes = f.store().writes();
  f.store().FailWrite(1, outcome);
  f.store().BlockWrites();
  LargeCall first;
  first.Start(f, "first", &log);
  f.store().WaitForBlockedWrites(1);
  LargeCall second;
  second.Start(f, "second", &log);
  CHECK(second.WaitUntilApplied());
  Call<RunInfo> read;
  f.Read(read, &log);
  f.store().UnblockWrites();
  CHECK(ReasonOf(first.Wait()) == "STORAGE_FAILED");
  CHECK(ReasonOf(second.Wait()) == "STORAGE_FAILED");
  CHECK(read.Wait().ok());
  CHECK(f.store().writes() == writes + 1);
  LargeCall third;
  third.Start(f, "third", &log);
  CHECK(ReasonOf(third.Wait()) == "STORAGE_FAILED");
  CHECK(log.names() ==
        std::vector<std::string>{"first", "second", "read", "third"});
}

}  // namespace
}  // namespace vade::sampling
