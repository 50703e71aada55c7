#include "client/load/verify.h"

#include <string>

#include "tests/catch.h"

namespace vade::load {
namespace {

// Two batches of two prompts with groups of 2, all answered.
ReportLog TrueLog() {
  ReportLog log;
  for (const char* batch : {"b1", "b2"}) {
    for (const char* prompt : {"p", "q"}) {
      log.batches[batch][prompt][0] = {true, 1.0};
      log.batches[batch][prompt][1] = {true, 0.0};
    }
  }
  log.answered_report_count = 8;
  return log;
}

CountedRun TrueBooks() {
  CountedRun counted;
  for (const char* batch : {"b1", "b2"}) {
    for (const char* prompt : {"p", "q"}) {
      counted.batches[batch][prompt] = {2, 0, 1.0};
      counted.prompts[prompt].reward_count += 2;
      counted.prompts[prompt].success_sum += 1.0;
    }
  }
  counted.reward_count = 8;
  counted.mean_pass_rate = 0.5;
  return counted;
}

bool Names(const Verdict& verdict, const std::string& text) {
  for (const std::string& difference : verdict.differences) {
    if (difference.find(text) != std::string::npos) return true;
  }
  return false;
}

TEST_CASE("books that agree are verified", "[unit]") {
  const Verdict verdict = CompareBooks(TrueLog(), TrueBooks());
  CHECK(verdict.difference_count == 0);
  CHECK(verdict.batch_count == 2);
  CHECK(verdict.group_count == 4);
  CHECK(verdict.answered_rollout_count == 8);
  CHECK(verdict.counted_rollout_count == 8);
  CHECK(VerdictText(verdict, TrueLog()).find("VERIFIED") != std::string::npos);
}

TEST_CASE("a rollout counted twice is found", "[unit]") {
  CountedRun counted = TrueBooks();
  counted.batches["b1"]["p"].reward_count = 3;
  Verdict verdict = CompareBooks(TrueLog(), counted);
  CHECK(verdict.difference_count == 1);
  CHECK(Names(verdict,
              "batch b1, prompt p: rewards 3 on the server, 2 in the "
              "logs (counted too often)"));
  CHECK(VerdictText(verdict, TrueLog()).find("FAILED: 1") != std::string::npos);

  counted = TrueBooks();
  counted.prompts["q"].reward_count = 5;
  verdict = CompareBooks(TrueLog(), counted);
  CHECK(Names(verdict, "prompt q: rewards 5 on the server, 4 in the logs"));

  counted = TrueBooks();
  counted.reward_count = 9;
  verdict = CompareBooks(TrueLog(), counted);
  CHECK(Names(verdict, "run: rewards 9 on the server, 8 in the logs"));
}

TEST_CASE("a lost rollout is found", "[unit]") {
  CountedRun counted = TrueBooks();
  counted.batches["b2"]["q"] = {1, 0, 1.0};
  Verdict verdict = CompareBooks(TrueLog(), counted);
  CHECK(Names(verdict,
              "batch b2, prompt q: rewards 1 on the server, 2 in the "
              "logs (lost)"));

  counted = TrueBooks();
  counted.batches.erase("b2");
  verdict = CompareBooks(TrueLog(), counted);
  CHECK(Names(verdict, "batch b2 is in the logs and not on the server"));

  counted = TrueBooks();
  counted.batches["b1"].erase("p");
  verdict = CompareBooks(TrueLog(), counted);
  CHECK(Names(verdict, "batch b1, prompt p: in the logs and not in the batch"));

  counted = TrueBooks();
  counted.prompts.erase("p");
  verdict = CompareBooks(TrueLog(), counted);
  CHECK(Names(verdict, "prompt p is not on the server"));
}

TEST_CASE("a success that was changed is found", "[unit]") {
  CountedRun counted = TrueBooks();
  counted.batches["b1"]["p"].success_sum = 2.0;
  CHECK(Names(CompareBooks(TrueLog(), counted),
              "batch b1, prompt p: success sum 2 on the server"));
  counted = TrueBooks();
  counted.prompts["p"].success_sum = 1.0;
  CHECK(Names(CompareBooks(TrueLog(), counted), "prompt p: success sum 1"));
  counted = TrueBooks();
  counted.mean_pass_rate = 0.6;
  CHECK(Names(CompareBooks(TrueLog(), counted), "run: success sum"));
}

TEST_CASE("a failed rollout counted as reward 0 is found", "[unit]") {
  ReportLog log = TrueLog();
  log.batches["b1"]["p"][1].reward.reset();
  const Verdict verdict = CompareBooks(log, TrueBooks());
  CHECK(Names(verdict, "batch b1, prompt p: failed 0 on the server, 1"));
  CHECK(Names(verdict, "batch b1, prompt p: rewards 2 on the server, 1"));
}

TEST_CASE("an unanswered rollout may be counted or not, but not twice",
          "[unit]") {
  ReportLog log = TrueLog();
  log.batches["b1"]["p"][0].answered = false;
  CHECK(CompareBooks(log, TrueBooks()).difference_count == 0);

  CountedRun counted = TrueBooks();
  counted.batches["b1"]["p"] = {1, 0, 0.0};
  counted.prompts["p"] = {3, 1.0};
  counted.reward_count = 7;
  counted.mean_pass_rate = 3.0 / 7;
  CHECK(CompareBooks(log, counted).difference_count == 0);

  counted.batches["b1"]["p"].reward_count = 3;
  CHECK(Names(CompareBooks(log, counted), "1 to 2 in the logs"));
}

TEST_CASE("rollouts that nobody sent are found", "[unit]") {
  ReportLog log = TrueLog();
  log.batches.erase("b2");
  const Verdict verdict = CompareBooks(log, TrueBooks());
  CHECK(Names(verdict, "batch b2, prompt p: rewards 2 on the server, 0"));
}

TEST_CASE("only the first differences are named, all are counted", "[unit]") {
  ReportLog log;
  CountedRun counted;
  for (int i = 0; i < 100; ++i) {
    log.batches[std::to_string(i)]["p"][0] = {true, 1.0};
  }
  const Verdict verdict = CompareBooks(log, counted);
  CHECK(verdict.difference_count == 100);
  CHECK(verdict.differences.size() == kMaxNamedDifferences);
}

}  // namespace
}  // namespace vade::load
