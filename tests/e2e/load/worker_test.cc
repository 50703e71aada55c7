#include "client/load/worker.h"

#include "client/load/crew.h"
#include "tests/catch.h"

namespace vade::load {
namespace {

TEST_CASE("rollouts of one prompt share a group of the request", "[unit]") {
  const auto request = ToRequest(
      {"r",
       "b",
       {{"p", 5, 1.0}, {"q", 0, 0.0}, {"p", 2, std::nullopt}, {"p", 1, 0.5}}});
  CHECK(request.run() == "runs/r");
  REQUIRE(request.reports_size() == 1);
  CHECK(request.reports(0).batch_id() == "b");
  REQUIRE(request.reports(0).groups_size() == 2);
  const auto& p = request.reports(0).groups(0);
  CHECK(p.prompt_id() == "p");
  REQUIRE(p.rewards_size() == 2);
  CHECK(p.rewards(0) == 1.0);
  CHECK(p.rollout_indexes(0) == 5);
  CHECK(p.rewards(1) == 0.5);
  CHECK(p.rollout_indexes(1) == 1);
  REQUIRE(p.failed_rollout_indexes_size() == 1);
  CHECK(p.failed_rollout_indexes(0) == 2);
  CHECK_FALSE(p.final());
  CHECK(request.reports(0).groups(1).prompt_id() == "q");
}

TEST_CASE("a worker without its trace or its log folder is not made",
          "[unit]") {
  WorkerOptions options;
  options.address = "127.0.0.1:1";
  options.trace_path = "no-such-trace.csv";
  CHECK(Worker::Create(options).status().code() == absl::StatusCode::kNotFound);
  options.trace_path.clear();
  options.log_path = "no-such-folder/worker.jsonl";
  CHECK(Worker::Create(options).status().code() ==
        absl::StatusCode::kUnavailable);
}

TEST_CASE("a crew whose program cannot run says so", "[unit]") {
  CrewOptions options;
  options.program = "no-such-program";
  const auto crew = Crew::Start(options);
  REQUIRE(crew.ok());
  CHECK((*crew)->RunStep({}).status().code() == absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace vade::load
