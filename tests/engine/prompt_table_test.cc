#include "server/sampling/prompt_table.h"

#include <string>

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
  CHECK(table[4321].id() == "prompt-4321");
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

TEST_CASE("A buried prompt keeps its id and its index is not given again",
          "[unit]") {
  PromptTable table;
  table.Add(Info("a"));
  table.Add(Info("b"));
  table.Bury(0);
  CHECK(table.Find("a") == std::nullopt);
  CHECK_FALSE(table[0].present);
  CHECK(table[0].id() == "a");
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
  CHECK_FALSE(table[3].present);
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
  CHECK(table[0].label_set == table[1].label_set);
  storage::PromptInfo code = Info("c");
  code.labels = {{"source", "code"}};
  table.Add(code);
  CHECK(table[2].label_set != table[0].label_set);
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
