// Keys of every record: which table, which run, which record of the run. Pure
// functions; storage/README.md has the byte table.
//
// A key is the table's byte, then big-endian numbers, so that the store's
// order is table by table, run by run, and by number in a run: a run loads by
// one scan of each table, and goes by one range of each.
#ifndef VADE_STORAGE_KEYS_H_
#define VADE_STORAGE_KEYS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace vade::storage {

// The first byte of a key. A number, once released, is never used again.
enum class Table : uint8_t {
  kFormat = 0x00,
  kRegistry = 0x01,
  kRun = 0x02,
  kProgress = 0x03,
  kSeries = 0x04,
  kPromptInfo = 0x05,
  kPayload = 0x06,
  kPromptState = 0x07,
  kBatch = 0x08,
  kLease = 0x09,
  kGroup = 0x0a,
  kGroups = 0x0b,
  kStates = 0x0c,
};

// The tables whose keys begin with a run number.
inline constexpr Table kRunTables[] = {
    Table::kRun,     Table::kProgress,    Table::kSeries, Table::kPromptInfo,
    Table::kPayload, Table::kPromptState, Table::kBatch,  Table::kLease,
    Table::kGroup,   Table::kGroups,      Table::kStates,
};

std::string FormatKey();
std::string RegistryKey();
std::string RunKey(uint32_t run);
std::string ProgressKey(uint32_t run);
std::string SeriesKey(uint32_t run, uint64_t bucket);
std::string PromptInfoKey(uint32_t run, uint32_t prompt);
std::string PayloadKey(uint32_t run, uint32_t prompt);
std::string PromptStateKey(uint32_t run, uint32_t prompt);
std::string BatchKey(uint32_t run, uint64_t sequence);
std::string LeaseKey(uint32_t run, uint64_t sequence);
std::string GroupKey(uint32_t run, uint64_t sequence, uint32_t position);
std::string GroupsKey(uint32_t run, uint64_t sequence);
std::string StatesKey(uint32_t run, uint64_t sequence);

// A key taken apart. Numbers that its table does not have are 0.
struct KeyParts {
  Table table = Table::kFormat;
  uint32_t run = 0;
  uint64_t item = 0;      // bucket, prompt index or sequence
  uint32_t position = 0;  // kGroup only

  bool operator==(const KeyParts&) const = default;
};

// DATA_LOSS if no function above makes `key`.
absl::StatusOr<KeyParts> ParseKey(std::string_view key);

// Keys in [begin, end), as Store::Scan and Mutation::DeleteRange take them.
struct KeyRange {
  std::string begin;
  std::string end;
};

KeyRange TableRange(Table table);
// All records of `run` in one of kRunTables.
KeyRange RunRange(Table table, uint32_t run);
// Those of them with begin_item <= item < end_item. The table is one with
// items: not kRun, not kProgress.
KeyRange ItemRange(Table table, uint32_t run, uint64_t begin_item,
                   uint64_t end_item);

// "group" and so on, for messages; "unknown" if no table has this key.
std::string TableName(std::string_view key);
// For messages too.
std::string KeyInHex(std::string_view key);

// `error`, which is not OK, as one about the record of `key`: it carries the
// key for a program, beside its text.
absl::Status AboutKey(absl::Status error, std::string_view key);
// The key that AboutKey gave to `error`; nullopt if it gave none.
std::optional<std::string> KeyOf(const absl::Status& error);

}  // namespace vade::storage

#endif  // VADE_STORAGE_KEYS_H_
