#include "client/load/trace.h"

#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/catch.h"

namespace vade::load {
namespace {

constexpr char kHeader[] = "prompt_id,visit,n_rollouts,n_correct\n";

// One prompt with the given number of visits; `correct` of 8 at each.
std::string Rows(const std::string& prompt_id, int visits, int correct) {
  std::string rows;
  for (int visit = 0; visit < visits; ++visit) {
    absl::StrAppend(&rows, prompt_id, ",", visit, ",8,", correct, "\n");
  }
  return rows;
}

absl::StatusOr<Trace> ReadText(const std::string& text) {
  std::istringstream input(text);
  return Trace::Read(input, "t.csv");
}

std::string ErrorOfTrace(const std::string& text) {
  return std::string(ReadText(text).status().message());
}

TEST_CASE("pass rates are a moving average over 5 visits, ends padded",
          "[unit]") {
  EpochPassRates observed{};
  observed[0] = 1.0;
  observed[10] = 0.5;
  observed[43] = 1.0;
  const EpochPassRates smooth = SmoothPassRates(observed);
  // The end value stands in for the two visits before it.
  CHECK(smooth[0] == Approx(3.0 / 5));
  CHECK(smooth[1] == Approx(2.0 / 5));
  CHECK(smooth[2] == Approx(1.0 / 5));
  CHECK(smooth[3] == 0);
  for (int e = 8; e <= 12; ++e) CHECK(smooth[e] == Approx(0.1));
  CHECK(smooth[7] == 0);
  CHECK(smooth[13] == 0);
  CHECK(smooth[41] == Approx(1.0 / 5));
  CHECK(smooth[42] == Approx(2.0 / 5));
  CHECK(smooth[43] == Approx(3.0 / 5));
}

TEST_CASE("an epoch of a replay is 9 steps", "[unit]") {
  std::string text = kHeader;
  for (int visit = 0; visit < 46; ++visit) {
    absl::StrAppend(&text, "a,", visit, ",8,", visit < 22 ? 0 : 8, "\n");
  }
  const Trace trace = ReadText(text).value();
  CHECK(trace.prompt_ids() == std::vector<std::string>{"a"});
  CHECK(kTraceSteps == 396);
  CHECK(trace.PassRate("a", {.step = 0}).value() == 0);
  // Epoch 20 is the first whose window reaches visit 22.
  CHECK(trace.PassRate("a", {.step = 20 * 9 - 1}).value() == 0);
  CHECK(trace.PassRate("a", {.step = 20 * 9}).value() == Approx(0.2));
  CHECK(trace.PassRate("a", {.step = 395}).value() == 1);
  CHECK(trace.PassRate("a", {.step = 1000}).value() == 1);
  CHECK(trace.PassRateAt("a", 21).value() == Approx(0.4));
}

TEST_CASE("a prompt that is not in the trace is not found", "[unit]") {
  const Trace trace = ReadText(kHeader + Rows("a", 44, 4)).value();
  CHECK(trace.PassRate("b", {}).status().code() == absl::StatusCode::kNotFound);
}

TEST_CASE("a bad line of a trace is refused with its place", "[unit]") {
  CHECK(ErrorOfTrace("") ==
        "t.csv:1: the header must be 'prompt_id,visit,n_rollouts,n_correct'");
  CHECK(ErrorOfTrace("a,b\n").substr(0, 8) == "t.csv:1:");
  CHECK(ErrorOfTrace(absl::StrCat(kHeader, "a,0,8\n")) ==
        "t.csv:2: expected 4 fields, got 3");
  CHECK(ErrorOfTrace(absl::StrCat(kHeader, ",0,8,1\n")) ==
        "t.csv:2: prompt_id is empty");
  CHECK(
      ErrorOfTrace(absl::StrCat(kHeader, "a,0,8,1\na,1,x,1\n")).substr(0, 8) ==
      "t.csv:3:");
  CHECK(ErrorOfTrace(absl::StrCat(kHeader, "a,0,8,-1\n")).substr(0, 8) ==
        "t.csv:2:");
  CHECK(ErrorOfTrace(absl::StrCat(kHeader, "a,0,8,9\n")) ==
        "t.csv:2: n_correct must be 0 to n_rollouts and n_rollouts at least "
        "1, got 9 of 8");
  CHECK(ErrorOfTrace(absl::StrCat(kHeader, "a,0,8,1\na,0,8,1\n")) ==
        "t.csv:3: visit 0 of prompt a comes twice");
  CHECK(ErrorOfTrace(kHeader + Rows("a", 43, 1)) ==
        "t.csv: prompt a has no visit 43; 0 to 43 are needed");
  CHECK(Trace::ReadFile("no-such-file").status().code() ==
        absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace vade::load
