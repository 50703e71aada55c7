// How records become bytes and come back. Pure functions; the only place, with
// storage/keys, that knows bytes. storage/README.md has the byte tables, and
// tests/storage/encoding_test.cc the golden bytes.
//
// Every value is a version byte, the record's fields, and a CRC-32C over the
// key and all that comes before it: a record under another's key is refused
// like one with a flipped bit.
//
// Each Decode returns DATA_LOSS, naming the table and the key in hex, if the
// checksum or the length is wrong or a field holds what no Encode writes; and
// FAILED_PRECONDITION, naming both versions, if the record is intact and of a
// version that this program does not know. KeyOf gives the key of both.
#ifndef VADE_STORAGE_ENCODING_H_
#define VADE_STORAGE_ENCODING_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "storage/bytes.h"
#include "storage/keys.h"
#include "storage/types.h"

namespace vade::storage {

// Written when a store is created, checked whenever it is opened, and raised
// then if it is below kFormat.
struct FormatRecord {
  // Grows when a program of the version before could not read the store.
  uint32_t format = 1;

  bool operator==(const FormatRecord&) const = default;
};

// 2: with table states.
inline constexpr uint32_t kFormat = 2;

std::string Encode(std::string_view key, const FormatRecord& record);
std::string Encode(std::string_view key, const RegistryRecord& record);
std::string Encode(std::string_view key, const RunRecord& record);
std::string Encode(std::string_view key, const RunProgress& record);
std::string Encode(std::string_view key, const SeriesRecord& record);
std::string Encode(std::string_view key, const PromptInfo& record);
std::string Encode(std::string_view key, const PromptState& record);
std::string Encode(std::string_view key, const BatchRecord& record);
std::string Encode(std::string_view key, const LeaseRecord& record);
std::string Encode(std::string_view key, const StoredGroup& record);
std::string Encode(std::string_view key, const StoredGroups& record);
std::string Encode(std::string_view key, const StoredStates& record);
std::string EncodePayload(std::string_view key, std::string_view payload);

// A StoredGroups record, made group by group. Thread-compatible.
class GroupsEncoder {
 public:
  GroupsEncoder(std::string_view key, size_t groups);

  // The next position has nothing stored.
  void AddNone();
  // `prompt`: the state of the group's prompt; null if it has none.
  void Add(const GroupRecord& group, const PromptState* prompt);
  // The record, once all groups are added.
  std::string Take();

 private:
  const std::string key_;
  ByteWriter out_;
};

absl::StatusOr<FormatRecord> DecodeFormat(std::string_view key,
                                          std::string_view value);
absl::StatusOr<RegistryRecord> DecodeRegistry(std::string_view key,
                                              std::string_view value);
absl::StatusOr<RunRecord> DecodeRun(std::string_view key,
                                    std::string_view value);
absl::StatusOr<RunProgress> DecodeProgress(std::string_view key,
                                           std::string_view value);
absl::StatusOr<SeriesRecord> DecodeSeries(std::string_view key,
                                          std::string_view value);
absl::StatusOr<PromptInfo> DecodePromptInfo(std::string_view key,
                                            std::string_view value);
absl::StatusOr<PromptState> DecodePromptState(std::string_view key,
                                              std::string_view value);
absl::StatusOr<BatchRecord> DecodeBatch(std::string_view key,
                                        std::string_view value);
absl::StatusOr<LeaseRecord> DecodeLease(std::string_view key,
                                        std::string_view value);
absl::StatusOr<StoredGroup> DecodeGroup(std::string_view key,
                                        std::string_view value);
absl::StatusOr<StoredGroups> DecodeGroups(std::string_view key,
                                          std::string_view value);
absl::StatusOr<StoredStates> DecodeStates(std::string_view key,
                                          std::string_view value);
absl::StatusOr<std::string> DecodePayload(std::string_view key,
                                          std::string_view value);

}  // namespace vade::storage

#endif  // VADE_STORAGE_ENCODING_H_
