#include "storage/keys.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "tests/catch.h"

namespace vade::storage {
namespace {

std::string Hex(const std::string& bytes) {
  return absl::BytesToHexString(bytes);
}

struct GoldenKey {
  std::string key;
  std::string hex;
  KeyParts parts;
};

std::vector<GoldenKey> GoldenKeys() {
  return {
      {FormatKey(), "00666f726d6174", {Table::kFormat, 0, 0, 0}},
      {RegistryKey(), "01", {Table::kRegistry, 0, 0, 0}},
      {RunKey(0x01020304), "0201020304", {Table::kRun, 0x01020304, 0, 0}},
      {ProgressKey(7), "0300000007", {Table::kProgress, 7, 0, 0}},
      {SeriesKey(7, 0x0102030405060708),
       "04000000070102030405060708",
       {Table::kSeries, 7, 0x0102030405060708, 0}},
      {PromptInfoKey(7, 9), "050000000700000009", {Table::kPromptInfo, 7, 9}},
      {PayloadKey(7, 9), "060000000700000009", {Table::kPayload, 7, 9}},
      {PromptStateKey(7, 0xfffffffe),
       "0700000007fffffffe",
       {Table::kPromptState, 7, 0xfffffffe, 0}},
      {BatchKey(7, 9), "08000000070000000000000009", {Table::kBatch, 7, 9}},
      {LeaseKey(7, 9), "09000000070000000000000009", {Table::kLease, 7, 9}},
      {GroupKey(7, 9, 11),
       "0a0000000700000000000000090000000b",
       {Table::kGroup, 7, 9, 11}},
      {GroupsKey(7, 9), "0b000000070000000000000009", {Table::kGroups, 7, 9}},
      {StatesKey(7, 9), "0c000000070000000000000009", {Table::kStates, 7, 9}},
  };
}

TEST_CASE("Keys have the bytes of storage/README.md", "[unit]") {
  for (const GoldenKey& golden : GoldenKeys()) {
    CHECK(Hex(golden.key) == golden.hex);
  }
}

TEST_CASE("A key parses into what it was made of", "[unit]") {
  for (const GoldenKey& golden : GoldenKeys()) {
    CAPTURE(golden.hex);
    const auto parts = ParseKey(golden.key);
    REQUIRE(parts.ok());
    CHECK(*parts == golden.parts);
  }
}

TEST_CASE("A key too short, too long or of no table is data loss", "[unit]") {
  for (const GoldenKey& golden : GoldenKeys()) {
    CAPTURE(golden.hex);
    for (size_t size = 0; size < golden.key.size(); ++size) {
      CHECK(absl::IsDataLoss(ParseKey(golden.key.substr(0, size)).status()));
    }
    CHECK(absl::IsDataLoss(ParseKey(golden.key + "x").status()));
  }
  CHECK(absl::IsDataLoss(ParseKey("\x0d").status()));
  const std::string wrong_format = FormatKey().substr(0, 6) + "x";
  CHECK(absl::IsDataLoss(ParseKey(wrong_format).status()));
}

bool Holds(const KeyRange& range, const std::string& key) {
  return range.begin <= key && key < range.end;
}

TEST_CASE("Keys order by table, run, number and position", "[unit]") {
  const std::vector<std::string> ordered = {
      FormatKey(),
      RegistryKey(),
      RunKey(1),
      RunKey(256),
      ProgressKey(1),
      PromptStateKey(1, 0),
      PromptStateKey(1, 255),
      PromptStateKey(1, 256),
      PromptStateKey(1, UINT32_MAX),
      PromptStateKey(2, 0),
      BatchKey(1, 1),
      BatchKey(1, 256),
      BatchKey(1, UINT64_MAX),
      GroupKey(1, 1, 0),
      GroupKey(1, 1, 256),
      GroupKey(1, 2, 0),
  };
  for (size_t i = 1; i < ordered.size(); ++i) {
    CHECK(ordered[i - 1] < ordered[i]);
  }
}

TEST_CASE("A table's range has all of its keys and no other's", "[unit]") {
  for (const GoldenKey& range_of : GoldenKeys()) {
    const KeyRange range = TableRange(range_of.parts.table);
    for (const GoldenKey& golden : GoldenKeys()) {
      CHECK(Holds(range, golden.key) ==
            (golden.parts.table == range_of.parts.table));
    }
  }
}

TEST_CASE("A run's range has its records and no other run's", "[unit]") {
  for (const uint32_t run : {0u, 1u, 255u, 0xffffu, UINT32_MAX}) {
    CAPTURE(run);
    const KeyRange range = RunRange(Table::kGroup, run);
    CHECK(Holds(range, GroupKey(run, 0, 0)));
    CHECK(Holds(range, GroupKey(run, UINT64_MAX, UINT32_MAX)));
    if (run > 0) {
      CHECK_FALSE(Holds(range, GroupKey(run - 1, UINT64_MAX, UINT32_MAX)));
    }
    if (run < UINT32_MAX) CHECK_FALSE(Holds(range, GroupKey(run + 1, 0, 0)));
    CHECK_FALSE(Holds(range, LeaseKey(run, UINT64_MAX)));
    CHECK(Holds(RunRange(Table::kRun, run), RunKey(run)));
  }
}

TEST_CASE("The run tables are those whose keys begin with a run", "[unit]") {
  for (const GoldenKey& golden : GoldenKeys()) {
    bool listed = false;
    for (const Table table : kRunTables) {
      listed |= table == golden.parts.table;
    }
    CHECK(listed == (golden.parts.run != 0));
  }
}

TEST_CASE("An item range has its first item and has not its last", "[unit]") {
  const KeyRange groups = ItemRange(Table::kGroup, 7, 10, 20);
  CHECK_FALSE(Holds(groups, GroupKey(7, 9, UINT32_MAX)));
  CHECK(Holds(groups, GroupKey(7, 10, 0)));
  CHECK(Holds(groups, GroupKey(7, 19, UINT32_MAX)));
  CHECK_FALSE(Holds(groups, GroupKey(7, 20, 0)));

  const KeyRange prompts = ItemRange(Table::kPromptState, 7, 10, 20);
  CHECK_FALSE(Holds(prompts, PromptStateKey(7, 9)));
  CHECK(Holds(prompts, PromptStateKey(7, 10)));
  CHECK_FALSE(Holds(prompts, PromptStateKey(7, 20)));

  const uint64_t beyond = uint64_t{UINT32_MAX} + 1;
  const KeyRange rest = ItemRange(Table::kPromptState, 7, 10, beyond);
  CHECK(Holds(rest, PromptStateKey(7, UINT32_MAX)));
  CHECK_FALSE(Holds(rest, PromptStateKey(8, 0)));
  const KeyRange none = ItemRange(Table::kPromptState, 7, beyond, beyond);
  CHECK(none.begin == none.end);
}

}  // namespace
}  // namespace vade::storage
