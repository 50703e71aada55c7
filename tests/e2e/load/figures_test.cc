#include <string>
#include <vector>

#include "client/load/measure.h"
#include "client/load/replay.h"
#include "client/load/table.h"
#include "client/load/training.h"
#include "tests/catch.h"

namespace vade::load {
namespace {

TEST_CASE("a percentile is the nearest rank", "[unit]") {
  CHECK(Percentile({}, 0.5) == 0);
  CHECK(Percentile({7}, 0.01) == 7);
  CHECK(Percentile({1, 2, 3, 4}, 0.5) == 2);
  CHECK(Percentile({1, 2, 3, 4}, 0.51) == 3);
  CHECK(Percentile({1, 2, 3, 4}, 0.99) == 4);
  CHECK(Percentile({1, 2, 3, 4}, 1) == 4);
}

TEST_CASE("a figure is one JSON object", "[unit]") {
  CHECK(FigureJson({"import", 1.5, "s", {{"prompts", 10}}}) ==
        R"({"name":"import","value":1.5,"unit":"s","prompts":10.0})");
}

TEST_CASE("a table is aligned, also with wide characters", "[unit]") {
  Table table({"policy", "EGR"});
  table.AddRow({"vade", "0.5 ± 0.1"});
  table.AddRow({"greedy"});
  CHECK(table.Text() ==
        "| policy |       EGR |\n"
        "|--------|----------:|\n"
        "| vade   | 0.5 ± 0.1 |\n"
        "| greedy |           |\n");
}

TEST_CASE("totals are over the steps from the first asked for", "[unit]") {
  std::vector<StepRecord> records(3);
  for (uint64_t i = 0; i < 3; ++i) {
    records[i].step = i;
    records[i].group_count = 10;
    records[i].effective_group_count = i;
    records[i].reward_count = 80;
    records[i].success_sum = 20;
    records[i].expected_egr = 0.1 * static_cast<double>(i);
  }
  const StepTotals all = TotalsFrom(records, 0);
  CHECK(all.group_count == 30);
  CHECK(all.EffectiveGradientRatio() == Approx(0.1));
  CHECK(all.ExpectedEgr() == Approx(0.1));
  CHECK(all.MeanPassRate() == Approx(0.25));
  CHECK(TotalsFrom(records, 2).EffectiveGradientRatio() == Approx(0.2));
  CHECK(TotalsFrom(records, 3).EffectiveGradientRatio() == 0);
  CHECK(TotalsFrom(records, 3).ExpectedEgr() == 0);
}

TEST_CASE("replay results are told as mean and deviation over seeds",
          "[unit]") {
  std::vector<ReplayResult> results(3);
  for (auto& result : results) result.policy = "vade";
  results[0].egr = 0.4;
  results[1].egr = 0.6;
  results[0].rollout_count = 100;
  results[1].rollout_count = 200;
  results[2].policy = "uniform";
  results[2].egr = 0.3;
  const std::string text = ReplayText(results);
  // 0.1414 is the deviation of a sample of two.
  CHECK(text.find("| vade    | 0.500 ± 0.141 |") != std::string::npos);
  CHECK(text.find("150 |") != std::string::npos);
  CHECK(text.find("| uniform | 0.300 ± 0.000 |") != std::string::npos);
  CHECK(ReplayJson(results[2]).find("\"policy\":\"uniform\"") !=
        std::string::npos);
}

}  // namespace
}  // namespace vade::load
