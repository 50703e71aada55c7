// What a PromptTable keeps up to date with every change, against a look at all
// of its prompts.
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/sampling/prompt_table.h"
#include "tests/catch.h"
#include "tests/simulation/dice.h"

namespace vade::sampling {
namespace {

using simulation::Dice;

storage::PromptInfo RandomInfo(Dice& dice, const std::string& id) {
  storage::PromptInfo info;
  info.id = id;
  // A few large sets and many small ones.
  const uint64_t set = dice.Chance(0.7) ? dice.Below(2) : 2 + dice.Below(20);
  if (set > 0) info.labels = {{"set", absl::StrCat(set)}};
  info.enabled = dice.Chance(0.8);
  return info;
}

// A table with random changes, and the clock that goes with it.
class ChangingTable {
 public:
  explicit ChangingTable(uint64_t seed) : dice_(seed) {}

  PromptTable& table() { return table_; }
  double clock() const { return clock_; }
  double cooldown() const { return cooldown_; }

  void Change() {
    const uint64_t what = dice_.Below(12);
    if (what < 3 || table_.size() == 0) {
      table_.Add(RandomInfo(dice_, absl::StrCat("p", table_.size())));
      return;
    }
    if (what == 11) {
      cooldown_ = dice_.Chance(0.3) ? 0 : 8 * dice_.Unit();
      table_.SetCooldown(cooldown_, clock_);
      return;
    }
    const auto index = static_cast<uint32_t>(dice_.Below(table_.size()));
    if (what == 3) {
      table_.Skip(table_.size() + static_cast<uint32_t>(dice_.Below(3)));
    } else if (!table_.present(index)) {
      return;
    } else if (what < 6) {
      table_.SetInfo(index, RandomInfo(dice_, std::string(table_.id(index))));
    } else if (what < 8) {
      table_.SetInFlight(index, dice_.Chance(0.3));
    } else if (what == 8) {
      table_.Bury(index);
    } else if (table_.population().free(index)) {
      Deal(index);
    }
  }

 private:
  void Deal(uint32_t index) {
    storage::PromptState state = table_.State(index);
    ++state.deals;
    state.dealt_clock = clock_;
    table_.SetState(index, state);
    table_.SetInFlight(index, true);
    table_.StartCooldown(absl::MakeConstSpan(&index, 1), clock_);
    clock_ += dice_.Chance(0.2) ? 0 : dice_.Unit();
    table_.EndCooldowns(clock_);
  }

  Dice dice_;
  PromptTable table_;
  double clock_ = 0;
  double cooldown_ = 0;
};

PromptCounts CountsOf(const ChangingTable& changing, const PromptTable& table,
                      uint32_t index) {
  const storage::PromptState state = table.State(index);
  PromptCounts counts;
  counts.present = 1;
  if (!table.enabled(index)) {
    counts.disabled = 1;
  } else if (table.in_flight(index)) {
    counts.in_flight = 1;
  } else if (state.deals > 0 &&
             changing.clock() - state.dealt_clock < changing.cooldown()) {
    counts.cooling_down = 1;
  }
  return counts;
}

void CheckCounts(ChangingTable& changing) {
  const PromptTable& table = changing.table();
  PromptCounts all;
  std::vector<PromptCounts> by_set(table.label_sets().size());
  std::vector<uint32_t> free;
  for (uint32_t index = 0; index < table.size(); ++index) {
    if (!table.present(index)) continue;
    const PromptCounts counts = CountsOf(changing, table, index);
    all += counts;
    by_set[table.label_set(index)] += counts;
    if (counts.free() > 0) free.push_back(index);
  }
  REQUIRE(table.counts() == all);
  for (uint32_t set = 0; set < by_set.size(); ++set) {
    REQUIRE(table.label_sets().counts(set) == by_set[set]);
  }
  std::vector<uint32_t> appended;
  table.population().AppendFree(appended);
  REQUIRE(appended == free);
  REQUIRE(table.population().free_count() == free.size());
}

void CheckLists(PromptTable& table, const std::vector<uint32_t>& sets) {
  std::vector<bool> wanted(table.label_sets().size());
  for (const uint32_t set : sets) wanted[set] = true;
  std::vector<uint32_t> expected;
  for (uint32_t index = 0; index < table.size(); ++index) {
    if (table.present(index) && wanted[table.label_set(index)]) {
      expected.push_back(index);
    }
  }
  std::vector<uint32_t> merged;
  const absl::Span<const uint32_t> got = table.WithLabels(sets, merged);
  REQUIRE(std::vector<uint32_t>(got.begin(), got.end()) == expected);
}

TEST_CASE("Counts and the free prompts are those that a look at all gives",
          "[unit]") {
  const uint64_t seed = GENERATE(range<uint64_t>(1, 11));
  INFO("seed " << seed);
  ChangingTable changing(seed);
  for (int i = 0; i < 3000; ++i) {
    changing.Change();
    if (i % 10 == 0) CheckCounts(changing);
  }
}

TEST_CASE(
    "Lists of prompts with some labels are those that a look at all "
    "gives",
    "[unit]") {
  const uint64_t seed = GENERATE(range<uint64_t>(1, 11));
  INFO("seed " << seed);
  ChangingTable changing(seed);
  Dice dice(seed + 1000);
  for (int i = 0; i < 3000; ++i) {
    changing.Change();
    if (!dice.Chance(0.1)) continue;
    std::vector<uint32_t> sets;
    const bool one = dice.Chance(0.5);
    for (uint32_t set = 0; set < changing.table().label_sets().size(); ++set) {
      if (dice.Chance(one ? 0.1 : 0.4)) sets.push_back(set);
      if (one && !sets.empty()) break;
    }
    CheckLists(changing.table(), sets);
  }
}

TEST_CASE("A list that is never asked for again does not grow for ever",
          "[unit]") {
  PromptTable table;
  storage::PromptInfo infos[2];
  infos[0].labels = {{"set", "a"}};
  infos[1].labels = {{"set", "b"}};
  for (uint32_t i = 0; i < 10; ++i) {
    infos[0].id = infos[1].id = absl::StrCat("p", i);
    table.Add(infos[i % 2]);
  }
  CheckLists(table, {0});
  CheckLists(table, {1});
  for (uint32_t i = 0; i < 100'000; ++i) {
    const uint32_t index = i % 10;
    infos[0].id = infos[1].id = std::string(table.id(index));
    table.SetInfo(index, infos[i % 3 % 2]);
  }
  CheckLists(table, {0});
  CheckLists(table, {1});
}

TEST_CASE("Prompts cool down until the clock is as far on as they must",
          "[unit]") {
  PromptTable table;
  for (const char* id : {"a", "b", "c"}) {
    storage::PromptInfo info;
    info.id = id;
    table.Add(info);
  }
  table.SetCooldown(2, 0);
  const std::vector<uint32_t> first = {0, 2};
  table.StartCooldown(first, 0);
  table.EndCooldowns(1);
  const std::vector<uint32_t> second = {1};
  table.StartCooldown(second, 1);
  CHECK(table.counts().cooling_down == 3);
  CHECK(table.population().free_count() == 0);
  table.Bury(2);
  table.EndCooldowns(2);
  CHECK(table.population().free(0));
  CHECK_FALSE(table.population().free(1));
  CHECK_FALSE(table.population().free(2));
  table.EndCooldowns(3);
  CHECK(table.population().free_count() == 2);
}

}  // namespace
}  // namespace vade::sampling
