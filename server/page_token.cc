#include "server/page_token.h"

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "server/sampling/error.h"
#include "storage/bytes.h"

namespace vade::server {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kMaxTokenBytes = 512;

// FNV-1a, 64 bits: small, and good enough against accidents.
uint64_t Hash(uint64_t hash, std::string_view bytes) {
  for (const char c : bytes) {
    hash ^= static_cast<uint8_t>(c);
    hash *= 0x100000001b3;
  }
  return hash;
}

uint64_t Check(std::string_view list, std::string_view place) {
  // The length keeps (list, place) from meaning another such pair.
  storage::ByteWriter size(storage::kMaxVarintBytes);
  size.Varint(list.size());
  return Hash(Hash(Hash(0xcbf29ce484222325, size.bytes()), list), place);
}

absl::Status InvalidToken() {
  return sampling::MakeError(
      absl::StatusCode::kInvalidArgument, "INVALID_PAGE_TOKEN",
      "page_token: is damaged or belongs to another list; it must be the "
      "next_page_token of the same list, with the same filter and order");
}

}  // namespace

std::string PromptListName(uint32_t run_number,
                           const sampling::ListPromptsQuery& query) {
  storage::ByteWriter name(64);
  name.Bytes("prompts");
  name.FixedU32(run_number);
  name.U8(static_cast<uint8_t>(query.view));
  name.U8(static_cast<uint8_t>(query.order));
  name.U8(query.descending ? 1 : 0);
  for (const sampling::LabelTerm& term : query.filter) {
    name.Bytes(term.key);
    name.Varint(term.values.size());
    for (const std::string& value : term.values) name.Bytes(value);
  }
  return name.Take();
}

std::string BatchListName(uint32_t run_number,
                          const sampling::ListBatchesQuery& query) {
  storage::ByteWriter name(16);
  name.Bytes("batches");
  name.FixedU32(run_number);
  name.U8(query.state.has_value() ? static_cast<uint8_t>(*query.state) : 0);
  return name.Take();
}

std::string MakePageToken(std::string_view list, std::string_view place) {
  storage::ByteWriter token(place.size() + 9);
  token.U8(kVersion);
  token.FixedU64(Check(list, place));
  token.Raw(place);
  return absl::WebSafeBase64Escape(
      absl::string_view(token.bytes().data(), token.bytes().size()));
}

absl::StatusOr<std::string> OpenPageToken(std::string_view list,
                                          std::string_view token) {
  std::string bytes;
  if (token.size() > kMaxTokenBytes ||
      !absl::WebSafeBase64Unescape(
          absl::string_view(token.data(), token.size()), &bytes)) {
    return InvalidToken();
  }
  storage::ByteReader reader(bytes);
  const uint8_t version = reader.U8();
  const uint64_t check = reader.FixedU64();
  const std::string place(reader.Raw(reader.remaining()));
  if (!reader.ok() || version != kVersion || check != Check(list, place)) {
    return InvalidToken();
  }
  return place;
}

std::string MakePromptToken(std::string_view list,
                            const sampling::PromptPosition& place) {
  storage::ByteWriter writer(12);
  writer.Double(place.key);
  writer.FixedU32(place.index);
  return MakePageToken(list, writer.bytes());
}

absl::StatusOr<sampling::PromptPosition> OpenPromptToken(
    std::string_view list, std::string_view token) {
  absl::StatusOr<std::string> bytes = OpenPageToken(list, token);
  if (!bytes.ok()) return bytes.status();
  storage::ByteReader reader(*bytes);
  sampling::PromptPosition place;
  place.key = reader.Double();
  place.index = reader.FixedU32();
  if (!reader.ok() || reader.remaining() != 0) return InvalidToken();
  return place;
}

std::string MakeBatchToken(std::string_view list, uint64_t before_sequence) {
  storage::ByteWriter writer(8);
  writer.FixedU64(before_sequence);
  return MakePageToken(list, writer.bytes());
}

absl::StatusOr<uint64_t> OpenBatchToken(std::string_view list,
                                        std::string_view token) {
  absl::StatusOr<std::string> bytes = OpenPageToken(list, token);
  if (!bytes.ok()) return bytes.status();
  storage::ByteReader reader(*bytes);
  const uint64_t before_sequence = reader.FixedU64();
  if (!reader.ok() || reader.remaining() != 0) return InvalidToken();
  return before_sequence;
}

}  // namespace vade::server
