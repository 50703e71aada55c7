#include "client/cli/group_report.h"

#include <string>
#include <vector>

#include "tests/catch.h"

namespace vade::cli {
namespace {

std::string ErrorOf(const std::string& json) {
  Row row;
  row.fields = nlohmann::ordered_json::parse(json);
  return std::string(ToGroupReport(row).status().message());
}

}  // namespace

TEST_CASE("A group on the command line has rewards and failures", "[unit]") {
  const auto group = ParseGroupReport("a=b=1,x,0.5");
  REQUIRE(group.ok());
  CHECK(group->prompt_id() == "a=b");
  REQUIRE(group->rewards_size() == 2);
  CHECK(group->rewards(1) == 0.5);
  CHECK(group->rollout_indexes(0) == 0);
  CHECK(group->rollout_indexes(1) == 2);
  CHECK(group->failed_rollout_indexes(0) == 1);
  for (const char* bad : {"", "a", "=1", "a=", "a=1,,0", "a=one"}) {
    CHECK_FALSE(ParseGroupReport(bad).ok());
  }
}

TEST_CASE("A line of a file is a group", "[unit]") {
  Row row;
  row.fields = nlohmann::ordered_json::parse(
      R"({"prompt_id": "q", "rewards": [1, 0.5, true],
          "rollout_indexes": [0, 3, 4], "failed": [1], "final": true})");
  const auto group = ToGroupReport(row);
  REQUIRE(group.ok());
  CHECK(group->prompt_id() == "q");
  CHECK(group->rewards_size() == 3);
  CHECK(group->rewards(2) == 1);
  CHECK(group->rollout_indexes(1) == 3);
  CHECK(group->failed_rollout_indexes(0) == 1);
  CHECK(group->final());
}

TEST_CASE("A line that is no group says what is wrong", "[unit]") {
  CHECK(ErrorOf("{}") == "field 'prompt_id' is missing");
  CHECK(ErrorOf(R"({"prompt_id": 1})") == "field 'prompt_id' is not a text");
  CHECK(ErrorOf(R"({"prompt_id": "q", "rewards": 1})") ==
        "field 'rewards' is not a list");
  CHECK(ErrorOf(R"({"prompt_id": "q", "rewards": ["1"]})") ==
        "field 'rewards' holds \"1\", not a number");
  CHECK(ErrorOf(R"({"prompt_id": "q", "failed": [-1]})") ==
        "field 'failed' holds -1, not an index from 0 on");
  CHECK(ErrorOf(R"({"prompt_id": "q", "final": 1})") ==
        "field 'final' is not true or false");
  CHECK(ErrorOf(R"({"prompt_id": "q", "reward": [1]})")
            .find("field 'reward' is unknown") == 0);
}

TEST_CASE("A prompt comes once in a request", "[unit]") {
  std::vector<sampler::v1::GroupReport> groups;
  for (const char* text : {"a=1", "b=1", "a=0", "c=1"}) {
    groups.push_back(*ParseGroupReport(text));
  }
  const auto requests = SplitIntoRequests("runs/r", "1-1", groups);
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].run() == "runs/r");
  CHECK(requests[0].reports(0).batch_id() == "1-1");
  CHECK(requests[0].reports(0).groups_size() == 2);
  CHECK(requests[1].reports(0).groups_size() == 2);
}

TEST_CASE("A request holds no more rollouts than the API takes", "[unit]") {
  std::vector<sampler::v1::GroupReport> groups(1025);
  for (size_t i = 0; i < groups.size(); ++i) {
    groups[i].set_prompt_id(std::to_string(i));
    groups[i].mutable_rewards()->Resize(1024, 1.0);
  }
  const auto requests = SplitIntoRequests("runs/r", "1-1", groups);
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].reports(0).groups_size() == 1024);
}

}  // namespace vade::cli
