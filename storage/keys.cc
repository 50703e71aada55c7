#include "storage/keys.h"

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "storage/bytes.h"

namespace vade::storage {
namespace {

constexpr std::string_view kFormatName = "format";
constexpr absl::string_view kKeyUrl = "vade.storage/key";

enum class ItemWidth { kNone, kU32, kU64 };

struct Shape {
  const char* name;
  bool has_run;
  ItemWidth item;
  bool has_position;
};

std::optional<Shape> ShapeOf(Table table) {
  switch (table) {
    case Table::kFormat:
      return Shape{"format", false, ItemWidth::kNone, false};
    case Table::kRegistry:
      return Shape{"registry", false, ItemWidth::kNone, false};
    case Table::kRun:
      return Shape{"run", true, ItemWidth::kNone, false};
    case Table::kProgress:
      return Shape{"progress", true, ItemWidth::kNone, false};
    case Table::kSeries:
      return Shape{"series", true, ItemWidth::kU64, false};
    case Table::kPromptInfo:
      return Shape{"prompt info", true, ItemWidth::kU32, false};
    case Table::kPayload:
      return Shape{"payload", true, ItemWidth::kU32, false};
    case Table::kPromptState:
      return Shape{"prompt state", true, ItemWidth::kU32, false};
    case Table::kBatch:
      return Shape{"batch", true, ItemWidth::kU64, false};
    case Table::kLease:
      return Shape{"lease", true, ItemWidth::kU64, false};
    case Table::kGroup:
      return Shape{"group", true, ItemWidth::kU64, true};
    case Table::kGroups:
      return Shape{"groups", true, ItemWidth::kU64, false};
    case Table::kStates:
      return Shape{"states", true, ItemWidth::kU64, false};
  }
  return std::nullopt;
}

std::optional<Shape> ShapeOf(std::string_view key) {
  if (key.empty()) return std::nullopt;
  return ShapeOf(static_cast<Table>(static_cast<uint8_t>(key[0])));
}

constexpr size_t kMaxKeyBytes = 1 + 4 + 8 + 4;

ByteWriter StartKey(Table table) {
  ByteWriter key(kMaxKeyBytes);
  key.U8(static_cast<uint8_t>(table));
  return key;
}

ByteWriter StartKey(Table table, uint32_t run) {
  ByteWriter key = StartKey(table);
  key.BigEndianU32(run);
  return key;
}

std::string Key32(Table table, uint32_t run, uint32_t item) {
  ByteWriter key = StartKey(table, run);
  key.BigEndianU32(item);
  return key.Take();
}

std::string Key64(Table table, uint32_t run, uint64_t item) {
  ByteWriter key = StartKey(table, run);
  key.BigEndianU64(item);
  return key.Take();
}

// The first key after all keys that begin with `prefix`, whose first byte is
// a table's and so never 0xff.
std::string PrefixEnd(std::string prefix) {
  while (static_cast<uint8_t>(prefix.back()) == 0xff) prefix.pop_back();
  ++prefix.back();
  return prefix;
}

}  // namespace

std::string FormatKey() {
  ByteWriter key = StartKey(Table::kFormat);
  key.Raw(kFormatName);
  return key.Take();
}

std::string RegistryKey() { return StartKey(Table::kRegistry).Take(); }

std::string RunKey(uint32_t run) { return StartKey(Table::kRun, run).Take(); }

std::string ProgressKey(uint32_t run) {
  return StartKey(Table::kProgress, run).Take();
}

std::string SeriesKey(uint32_t run, uint64_t bucket) {
  return Key64(Table::kSeries, run, bucket);
}

std::string PromptInfoKey(uint32_t run, uint32_t prompt) {
  return Key32(Table::kPromptInfo, run, prompt);
}

std::string PayloadKey(uint32_t run, uint32_t prompt) {
  return Key32(Table::kPayload, run, prompt);
}

std::string PromptStateKey(uint32_t run, uint32_t prompt) {
  return Key32(Table::kPromptState, run, prompt);
}

std::string BatchKey(uint32_t run, uint64_t sequence) {
  return Key64(Table::kBatch, run, sequence);
}

std::string LeaseKey(uint32_t run, uint64_t sequence) {
  return Key64(Table::kLease, run, sequence);
}

std::string GroupKey(uint32_t run, uint64_t sequence, uint32_t position) {
  ByteWriter key = StartKey(Table::kGroup, run);
  key.BigEndianU64(sequence);
  key.BigEndianU32(position);
  return key.Take();
}

std::string GroupsKey(uint32_t run, uint64_t sequence) {
  return Key64(Table::kGroups, run, sequence);
}

std::string StatesKey(uint32_t run, uint64_t sequence) {
  return Key64(Table::kStates, run, sequence);
}

absl::StatusOr<KeyParts> ParseKey(std::string_view key) {
  const std::optional<Shape> shape = ShapeOf(key);
  ByteReader reader(key);
  KeyParts parts;
  parts.table = static_cast<Table>(reader.U8());
  if (shape.has_value()) {
    if (parts.table == Table::kFormat &&
        reader.Raw(kFormatName.size()) != kFormatName) {
      reader.Fail();
    }
    if (shape->has_run) parts.run = reader.BigEndianU32();
    if (shape->item == ItemWidth::kU32) parts.item = reader.BigEndianU32();
    if (shape->item == ItemWidth::kU64) parts.item = reader.BigEndianU64();
    if (shape->has_position) parts.position = reader.BigEndianU32();
  }
  if (!shape.has_value() || !reader.ok() || reader.remaining() != 0) {
    return AboutKey(absl::DataLossError(absl::StrCat(
                        "the store has a key that nothing writes: ",
                        TableName(key), " ", KeyInHex(key))),
                    key);
  }
  return parts;
}

KeyRange TableRange(Table table) {
  std::string begin = StartKey(table).Take();
  std::string end = PrefixEnd(begin);
  return {std::move(begin), std::move(end)};
}

KeyRange RunRange(Table table, uint32_t run) {
  std::string begin = StartKey(table, run).Take();
  std::string end = PrefixEnd(begin);
  return {std::move(begin), std::move(end)};
}

KeyRange ItemRange(Table table, uint32_t run, uint64_t begin_item,
                   uint64_t end_item) {
  KeyRange range = RunRange(table, run);
  if (ShapeOf(table)->item == ItemWidth::kU64) {
    range.begin = Key64(table, run, begin_item);
    range.end = Key64(table, run, end_item);
    return range;
  }
  // Indices are 32 bits wide; a bound beyond them is the end of the run.
  if (begin_item > UINT32_MAX) {
    range.begin = range.end;
  } else {
    range.begin = Key32(table, run, static_cast<uint32_t>(begin_item));
  }
  if (end_item <= UINT32_MAX) {
    range.end = Key32(table, run, static_cast<uint32_t>(end_item));
  }
  return range;
}

std::string TableName(std::string_view key) {
  const std::optional<Shape> shape = ShapeOf(key);
  return shape.has_value() ? shape->name : "unknown";
}

std::string KeyInHex(std::string_view key) {
  return absl::BytesToHexString(absl::string_view(key.data(), key.size()));
}

absl::Status AboutKey(absl::Status error, std::string_view key) {
  error.SetPayload(kKeyUrl,
                   absl::Cord(absl::string_view(key.data(), key.size())));
  return error;
}

std::optional<std::string> KeyOf(const absl::Status& error) {
  const auto key = error.GetPayload(kKeyUrl);
  if (!key.has_value()) return std::nullopt;
  return std::string(*key);
}

}  // namespace vade::storage
