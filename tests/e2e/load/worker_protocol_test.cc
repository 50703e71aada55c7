#include "client/load/worker_protocol.h"

#include "tests/catch.h"

namespace vade::load {
namespace {

TEST_CASE("a step command crosses the pipe unchanged", "[unit]") {
  const StepCommand command = {
      "r", "load-0-step-3", 128, {0xffffffffffffffff, 3, 0.1}};
  const StepCommand parsed = ParseStepCommand(ToLine(command)).value();
  CHECK(parsed.run_id == "r");
  CHECK(parsed.request_id == "load-0-step-3");
  CHECK(parsed.batch_size == 128);
  CHECK(parsed.rollouts.seed == 0xffffffffffffffff);
  CHECK(parsed.rollouts.step == 3);
  // To the last bit: all workers must draw against the same skill.
  CHECK(parsed.rollouts.skill == 0.1);
  CHECK(ToLine(command).find('\n') == std::string::npos);
}

TEST_CASE("a step answer crosses the pipe unchanged", "[unit]") {
  const StepAnswer answer = {"b", 1, 2, 3, 4, 5, "line one\nline two"};
  const std::string line = ToLine(answer);
  CHECK(line.find('\n') == std::string::npos);
  const StepAnswer parsed = ParseStepAnswer(line).value();
  CHECK(parsed.batch_id == "b");
  CHECK(parsed.report_count == 1);
  CHECK(parsed.rollout_count == 2);
  CHECK(parsed.accepted_count == 3);
  CHECK(parsed.failed_count == 4);
  CHECK(parsed.duplicate_count == 5);
  CHECK(parsed.error == "line one\nline two");
}

TEST_CASE("anything else on the pipe is refused", "[unit]") {
  for (const char* line : {"", "{}", "[]", "hello", R"({"run":1})"}) {
    CHECK(ParseStepCommand(line).status().code() ==
          absl::StatusCode::kInvalidArgument);
    CHECK(ParseStepAnswer(line).status().code() ==
          absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace vade::load
