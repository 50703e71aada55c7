#include "server/sampling/prompt_table.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/catch.h"

namespace vade::sampling {
namespace {

storage::PromptInfo Info(const std::string& id, bool enabled = true) {
  storage::PromptInfo info;
  info.id = id;
  info.enabled = enabled;
  return info;
}

TEST_CASE("A prompt is found by its id and has the next index", "[unit]") {
  PromptTable table;
  for (uint32_t i = 0; i < 5000; ++i) {
    REQUIRE(table.Add(Info(absl::StrCat("prompt-", i))) == i);
  }
  CHECK(table.size() == 5000);
  CHECK(table.count() == 5000);
  CHECK(table.Find("prompt-4321") == 4321);
  CHECK(table.id(4321) == "prompt-4321");
  CHECK(table.Find("prompt-5000") == std::nullopt);
  CHECK(table.Find("") == std::nullopt);
}

TEST_CASE("Ids may hold any byte and be as long as allowed", "[unit]") {
  PromptTable table;
  const std::string with_nul("a\0b", 3);
  const std::string longest(256, 'x');
  table.Add(Info("a"));
  table.Add(Info(with_nul));
  table.Add(Info(longest));
  CHECK(table.Find("a") == 0);
  CHECK(table.Find(with_nul) == 1);
  CHECK(table.Find(longest) == 2);
  CHECK(table.Find(std::string(255, 'x')) == std::nullopt);
}

TEST_CASE("Ids of every length keep their places", "[unit]") {
  PromptTable table;
  std::vector<std::string> ids;
  for (uint32_t i = 0; i < 2000; ++i) {
    if (i % 37 == 5) {
      table.Skip(i + 1);
      ids.emplace_back();
      continue;
    }
    ids.push_back(absl::StrCat(i));
    ids.back().resize(std::max<size_t>(ids.back().size(), i * 7 % 257), 'x');
    table.Add(Info(ids.back()));
  }
  for (uint32_t i = 0; i < 2000; ++i) {
    REQUIRE(table.id(i) == ids[i]);
    if (!ids[i].empty()) REQUIRE(table.Find(ids[i]) == i);
  }
}

TEST_CASE("The state of a prompt comes back whole", "[unit]") {
  PromptTable table;
  for (uint32_t i = 0; i < 5000; ++i) table.Add(Info(absl::StrCat(i)));
  storage::PromptState state;
  state.alpha = 1.5;
  state.beta = 2.5;
  state.evidence_clock = 7;
  table.SetState(1, state);
  CHECK(table.State(1) == state);
  state.base_sequence = 3;
  state.evidence_sequence = uint64_t{1} << 40;
  state.dealt_sequence = uint64_t{1} << 41;
  state.dealt_clock = 6.25;
  state.dealt_position = 65535;
  state.deals = 4;
  state.pass = 2;
  state.rollouts = 32;
  state.successes = 8.5;
  table.SetState(4999, state);
  CHECK(table.State(4999) == state);
  CHECK(table.State(0) == storage::PromptState());
  CHECK(table.State(4998) == storage::PromptState());
  table.SetState(4999, storage::PromptState());
  CHECK(table.State(4999) == storage::PromptState());
}

TEST_CASE("A buried prompt keeps its id and its index is not given again",
          "[unit]") {
  PromptTable table;
  table.Add(Info("a"));
  table.Add(Info("b"));
  table.Bury(0);
  CHECK(table.Find("a") == std::nullopt);
  CHECK_FALSE(table.present(0));
  CHECK(table.id(0) == "a");
  CHECK(table.count() == 1);
  CHECK(table.Add(Info("a")) == 2);
  CHECK(table.Find("a") == 2);
  table.Bury(2);
  CHECK(table.Find("a") == std::nullopt);
  CHECK(table.Info(2).deleted);
  CHECK_FALSE(table.Info(1).deleted);
}

TEST_CASE("Skipped indexes are absent", "[unit]") {
  PromptTable table;
  table.Add(Info("a"));
  table.Skip(5);
  CHECK(table.Add(Info("b")) == 5);
  CHECK_FALSE(table.present(3));
  CHECK(table.count() == 2);
}

TEST_CASE("Counts follow every way to enable, lease and bury", "[unit]") {
  PromptTable table;
  table.Add(Info("a", false));
  table.Add(Info("b"));
  CHECK(table.disabled() == 1);
  table.SetInfo(0, Info("a", true));
  table.SetInfo(0, Info("a", true));
  CHECK(table.disabled() == 0);
  table.SetInfo(1, Info("b", false));
  table.SetInFlight(1, true);
  table.SetInFlight(1, true);
  CHECK(table.in_flight() == 1);
  table.Bury(1);
  CHECK(table.disabled() == 0);
  CHECK(table.in_flight() == 0);
  table.SetInFlight(1, false);
  CHECK(table.in_flight() == 0);
}

TEST_CASE("A prompt is dirty once until it is clean", "[unit]") {
  PromptTable table;
  table.Add(Info("a"));
  CHECK(table.MarkDirty(0));
  CHECK_FALSE(table.MarkDirty(0));
  table.MarkClean(0);
  CHECK(table.MarkDirty(0));
}

TEST_CASE("Prompts share sets of labels, and unused sets are used again",
          "[unit]") {
  PromptTable table;
  storage::PromptInfo math = Info("a");
  math.labels = {{"source", "math"}};
  table.Add(math);
  math.id = "b";
  table.Add(math);
  CHECK(table.label_set(0) == table.label_set(1));
  storage::PromptInfo code = Info("c");
  code.labels = {{"source", "code"}};
  table.Add(code);
  CHECK(table.label_set(2) != table.label_set(0));
  const size_t sets = table.label_sets().size();
  for (int i = 0; i < 100; ++i) {
    code.labels = {{"source", absl::StrCat(i)}};
    table.SetInfo(2, code);
  }
  CHECK(table.label_sets().size() <= sets + 1);
  CHECK(table.labels(2) == code.labels);
  CHECK(table.labels(0) == math.labels);
}

TEST_CASE("A label set matches if every term has one of its values", "[unit]") {
  const Labels labels = {{"level", "2"}, {"source", "math"}};
  CHECK(Matches(labels, {}));
  CHECK(Matches(labels, {{"source", {"code", "math"}}}));
  CHECK(Matches(labels, {{"source", {"math"}}, {"level", {"2"}}}));
  CHECK_FALSE(Matches(labels, {{"source", {"math"}}, {"level", {"1"}}}));
  CHECK_FALSE(Matches(labels, {{"domain", {"math"}}}));
  CHECK_FALSE(Matches(labels, {{"source", {}}}));
  CHECK_FALSE(Matches({}, {{"source", {""}}}));
}

}  // namespace
}  // namespace vade::sampling
