#include "storage/encoding.h"

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "storage/bytes.h"
#include "storage/checksum.h"
#include "storage/field_io.h"

namespace vade::storage {
namespace {

// The version that this program writes of a record. It reads all from 1 on.
template <class Record>
constexpr uint8_t kVersion = 1;
template <>
constexpr uint8_t kVersion<RunProgress> = 2;
template <>
constexpr uint8_t kVersion<BatchRecord> = 2;
template <>
constexpr uint8_t kVersion<StoredGroup> = 2;
constexpr uint8_t kPayloadVersion = 1;

constexpr size_t kChecksumBytes = 4;
constexpr size_t kEnvelopeBytes = 1 + kChecksumBytes;
// Of one BatchEntry, least: two varints and four doubles.
constexpr size_t kLeastEntryBytes = 2 + 4 * 8;
constexpr size_t kLeastLabelBytes = 2;
// Of one PromptWithState, least: eight varints and five doubles.
constexpr size_t kLeastStateBytes = 8 + 5 * 8;

std::string Describe(std::string_view key) {
  return absl::StrCat(TableName(key), " record ", KeyInHex(key));
}

absl::Status Damaged(std::string_view key, absl::string_view what) {
  return AboutKey(
      absl::DataLossError(absl::StrCat(Describe(key), " is damaged: ", what)),
      key);
}

template <class T, class U>
concept Is = std::same_as<std::remove_const_t<T>, U>;

void Fields(auto& io, Is<FormatRecord> auto& r) { io.Count(r.format); }

void Fields(auto& io, Is<RegistryRecord> auto& r) {
  io.Count(r.next_run_number);
  io.Count(r.next_epoch);
}

void Fields(auto& io, Is<RunSettings> auto& s) {
  io.U64(s.seed);
  io.Text(s.policy);
  io.Count(s.group_size);
  io.Double(s.selected_decay);
  io.Double(s.unselected_decay);
  io.Double(s.target_pass_rate);
  io.Double(s.cooldown);
  io.Count(s.reference_batch_size);
  io.Enum(s.reward_rule.kind, RewardRuleKind::kRange,
          RewardRuleKind::kThreshold);
  io.Double(s.reward_rule.min);
  io.Double(s.reward_rule.max);
  io.Double(s.reward_rule.threshold);
  io.Double(s.starting_alpha);
  io.Double(s.starting_beta);
  io.I64(s.lease_ttl_us);
  io.Count(s.retained_deals);
  io.I64(s.retention_age_us);
}

void Fields(auto& io, Is<RunRecord> auto& r) {
  io.Count(r.number);
  io.Text(r.id);
  io.Text(r.display_name);
  io.Count(r.epoch);
  io.Count(r.revision);
  io.I64(r.create_time_us);
  io.I64(r.update_time_us);
  Fields(io, r.settings);
}

void Fields(auto& io, Is<RunProgress> auto& r) {
  io.Double(r.clock);
  io.Count(r.next_sequence);
  io.Count(r.oldest_sequence);
  io.Count(r.next_prompt_index);
  io.Count(r.current_pass);
  io.Count(r.batches);
  io.Count(r.deals);
  io.Count(r.rollouts);
  io.Count(r.failed_rollouts);
  io.Count(r.duplicate_rollouts);
  io.Count(r.late_rollouts);
  io.Count(r.superseded_rollouts);
  io.Count(r.groups);
  io.Count(r.effective_groups);
  io.Count(r.failed_groups);
  io.Count(r.expired_groups);
  io.Count(r.released_groups);
  io.Count(r.never_solved_deals);
  io.Double(r.successes);
  io.Double(r.expected_effective_groups);
  io.Double(r.squared_error);
  for (auto& count : r.calibration_rollouts) io.Count(count);
  for (auto& sum : r.calibration_predicted) io.Double(sum);
  for (auto& sum : r.calibration_successes) io.Double(sum);
  for (auto& count : r.redeal_intervals) io.Count(count);
  io.Double(r.redeal_interval_sum);
  io.Double(r.series_width);
  if (io.version() >= 2) io.Double(r.max_evidence);
}

void Fields(auto& io, Is<SeriesRecord> auto& r) {
  io.Count(r.deals);
  io.Count(r.groups);
  io.Count(r.effective_groups);
  io.Count(r.rollouts);
  io.Double(r.successes);
  io.Double(r.expected_effective_groups);
}

void Fields(auto& io, Is<PromptInfo> auto& r) {
  io.Text(r.id);
  io.Size(r.labels, kLeastLabelBytes);
  for (auto& [key, value] : r.labels) {
    io.Text(key);
    io.Text(value);
  }
  io.Bool(r.enabled);
  io.Bool(r.deleted);
  io.Count(r.payload_bytes);
}

void Fields(auto& io, Is<PromptState> auto& r) {
  io.Double(r.alpha);
  io.Double(r.beta);
  io.Double(r.evidence_clock);
  io.Count(r.base_sequence);
  io.Count(r.evidence_sequence);
  io.Count(r.dealt_sequence);
  io.Double(r.dealt_clock);
  io.Count(r.dealt_position);
  io.Count(r.deals);
  io.Count(r.pass);
  io.Count(r.rollouts);
  io.Double(r.successes);
}

void Fields(auto& io, Is<BatchEntry> auto& r) {
  io.Count(r.prompt_index);
  io.Count(r.pass);
  io.Double(r.estimate);
  io.Double(r.score);
  io.Double(r.mean);
  io.Double(r.expected_egr);
}

void Fields(auto& io, Is<BatchRecord> auto& r) {
  io.Count(r.sequence);
  io.Count(r.epoch);
  io.Double(r.clock);
  io.I64(r.create_time_us);
  io.Count(r.group_size);
  io.Text(r.request_id);
  io.U64(r.request_fingerprint);
  io.Size(r.entries, kLeastEntryBytes);
  for (auto& entry : r.entries) Fields(io, entry);
  if (io.version() >= 2) {
    io.I64(r.lease_ttl_us);
    io.I64(r.lease_expire_time_us);
  }
}

void Fields(auto& io, Is<LeaseRecord> auto& r) {
  io.Enum(r.state, BatchState::kInFlight, BatchState::kExpired);
  io.I64(r.ttl_us);
  io.I64(r.expire_time_us);
  io.I64(r.end_time_us);
}

void Fields(auto& io, Is<GroupRecord> auto& r) {
  io.Enum(r.state, GroupState::kInFlight, GroupState::kExpired);
  io.Bool(r.in_evidence);
  io.Bool(r.varied);
  io.Count(r.rewards);
  io.Count(r.failed);
  io.Double(r.successes);
  io.Double(r.first_reward);
  io.Double(r.before_alpha);
  io.Double(r.before_beta);
  io.Double(r.before_clock);
  io.Size(r.reported, sizeof(uint64_t));
  for (auto& word : r.reported) io.U64(word);
}

// `fields` lists those of the value, if there is one.
template <class T>
void IfAny(FieldReader& io, std::optional<T>& value, const auto& fields) {
  bool any = false;
  io.Bool(any);
  if (any) fields(value.emplace());
}

// An optional, or a pointer that may be null.
void IfAny(FieldWriter& io, const auto& value, const auto& fields) {
  const bool any = static_cast<bool>(value);
  io.Bool(any);
  if (any) fields(*value);
}

void GroupFields(auto& io, auto& group, auto& prompt) {
  Fields(io, group);
  IfAny(io, prompt, [&io](auto& state) { Fields(io, state); });
}

void Fields(auto& io, Is<StoredGroup> auto& r) {
  if (io.version() >= 2) {
    GroupFields(io, r.group, r.prompt);
  } else {
    Fields(io, r.group);
  }
}

// GroupsEncoder writes these.
void Fields(FieldReader& io, StoredGroups& r) {
  io.Size(r.groups, sizeof(uint8_t));
  for (std::optional<StoredGroup>& group : r.groups) {
    IfAny(io, group, [&io](StoredGroup& stored) {
      GroupFields(io, stored.group, stored.prompt);
    });
  }
}

void Fields(auto& io, Is<StoredStates> auto& r) {
  io.Size(r.prompts, kLeastStateBytes);
  for (auto& prompt : r.prompts) {
    io.Count(prompt.prompt_index);
    Fields(io, prompt.state);
  }
}

std::string Seal(std::string_view key, ByteWriter out) {
  out.FixedU32(Crc32c(key, out.bytes()));
  return out.Take();
}

struct Unsealed {
  uint8_t version;
  std::string_view fields;
};

// What is before the checksum, which is checked; the version is in
// [1, newest].
absl::StatusOr<Unsealed> Unseal(std::string_view key, std::string_view value,
                                uint8_t newest) {
  if (value.size() < kEnvelopeBytes) {
    return Damaged(
        key, absl::StrCat("it has ", value.size(),
                          " bytes, fewer than a version and a checksum take"));
  }
  const std::string_view body = value.substr(0, value.size() - kChecksumBytes);
  const uint32_t stored = ByteReader(value.substr(body.size())).FixedU32();
  const uint32_t computed = Crc32c(key, body);
  if (stored != computed) {
    return Damaged(key, absl::StrCat("its checksum is ",
                                     absl::Hex(stored, absl::kZeroPad8),
                                     ", its bytes give ",
                                     absl::Hex(computed, absl::kZeroPad8)));
  }
  const uint8_t version = static_cast<uint8_t>(body[0]);
  if (version < 1 || version > newest) {
    return AboutKey(
        absl::FailedPreconditionError(absl::StrCat(
            Describe(key), " has version ", version, ", this program knows ",
            newest == 1 ? "version 1"
                        : absl::StrCat("versions 1 to ", newest))),
        key);
  }
  return Unsealed{version, body.substr(1)};
}

template <class Record>
std::string EncodeRecord(std::string_view key, const Record& record,
                         size_t expected_bytes) {
  ByteWriter out(expected_bytes);
  out.U8(kVersion<Record>);
  FieldWriter io(out, kVersion<Record>);
  Fields(io, record);
  return Seal(key, std::move(out));
}

template <class Record>
absl::StatusOr<Record> DecodeRecord(std::string_view key,
                                    std::string_view value) {
  const absl::StatusOr<Unsealed> body = Unseal(key, value, kVersion<Record>);
  if (!body.ok()) return body.status();
  ByteReader in(body->fields);
  FieldReader io(in, body->version);
  Record record;
  Fields(io, record);
  if (!in.ok() || in.remaining() != 0) {
    return Damaged(
        key,
        absl::StrCat("its checksum is right, its ", value.size(),
                     " bytes are not a record of version ", body->version));
  }
  return record;
}

}  // namespace

// Expected sizes are what a record in use takes, so that it is allocated once.
std::string Encode(std::string_view key, const FormatRecord& record) {
  return EncodeRecord(key, record, 16);
}
std::string Encode(std::string_view key, const RegistryRecord& record) {
  return EncodeRecord(key, record, 32);
}
std::string Encode(std::string_view key, const RunRecord& record) {
  return EncodeRecord(key, record, 256);
}
std::string Encode(std::string_view key, const RunProgress& record) {
  return EncodeRecord(key, record, 512);
}
std::string Encode(std::string_view key, const SeriesRecord& record) {
  return EncodeRecord(key, record, 64);
}
std::string Encode(std::string_view key, const PromptInfo& record) {
  return EncodeRecord(key, record, 128);
}
std::string Encode(std::string_view key, const PromptState& record) {
  return EncodeRecord(key, record, 96);
}
std::string Encode(std::string_view key, const BatchRecord& record) {
  return EncodeRecord(key, record, 64 + record.entries.size() * 40);
}
std::string Encode(std::string_view key, const LeaseRecord& record) {
  return EncodeRecord(key, record, 32);
}
std::string Encode(std::string_view key, const StoredGroup& record) {
  return EncodeRecord(key, record, 128 + record.group.reported.size() * 8);
}
std::string Encode(std::string_view key, const StoredGroups& record) {
  GroupsEncoder encoder(key, record.groups.size());
  for (const std::optional<StoredGroup>& group : record.groups) {
    if (!group.has_value()) {
      encoder.AddNone();
    } else {
      encoder.Add(group->group,
                  group->prompt.has_value() ? &*group->prompt : nullptr);
    }
  }
  return encoder.Take();
}
std::string Encode(std::string_view key, const StoredStates& record) {
  return EncodeRecord(key, record, 16 + record.prompts.size() * 72);
}

GroupsEncoder::GroupsEncoder(std::string_view key, size_t groups)
    : key_(key), out_(16 + groups * 128) {
  out_.U8(kVersion<StoredGroups>);
  out_.Varint(groups);
}

void GroupsEncoder::AddNone() { out_.U8(0); }

void GroupsEncoder::Add(const GroupRecord& group, const PromptState* prompt) {
  FieldWriter io(out_, kVersion<StoredGroups>);
  io.Bool(true);
  GroupFields(io, group, prompt);
}

std::string GroupsEncoder::Take() { return Seal(key_, std::move(out_)); }

std::string EncodePayload(std::string_view key, std::string_view payload) {
  ByteWriter out(payload.size() + kEnvelopeBytes);
  out.U8(kPayloadVersion);
  out.Raw(payload);
  return Seal(key, std::move(out));
}

absl::StatusOr<FormatRecord> DecodeFormat(std::string_view key,
                                          std::string_view value) {
  return DecodeRecord<FormatRecord>(key, value);
}
absl::StatusOr<RegistryRecord> DecodeRegistry(std::string_view key,
                                              std::string_view value) {
  return DecodeRecord<RegistryRecord>(key, value);
}
absl::StatusOr<RunRecord> DecodeRun(std::string_view key,
                                    std::string_view value) {
  return DecodeRecord<RunRecord>(key, value);
}
absl::StatusOr<RunProgress> DecodeProgress(std::string_view key,
                                           std::string_view value) {
  return DecodeRecord<RunProgress>(key, value);
}
absl::StatusOr<SeriesRecord> DecodeSeries(std::string_view key,
                                          std::string_view value) {
  return DecodeRecord<SeriesRecord>(key, value);
}
absl::StatusOr<PromptInfo> DecodePromptInfo(std::string_view key,
                                            std::string_view value) {
  return DecodeRecord<PromptInfo>(key, value);
}
absl::StatusOr<PromptState> DecodePromptState(std::string_view key,
                                              std::string_view value) {
  return DecodeRecord<PromptState>(key, value);
}
absl::StatusOr<BatchRecord> DecodeBatch(std::string_view key,
                                        std::string_view value) {
  return DecodeRecord<BatchRecord>(key, value);
}
absl::StatusOr<LeaseRecord> DecodeLease(std::string_view key,
                                        std::string_view value) {
  return DecodeRecord<LeaseRecord>(key, value);
}
absl::StatusOr<StoredGroup> DecodeGroup(std::string_view key,
                                        std::string_view value) {
  return DecodeRecord<StoredGroup>(key, value);
}
absl::StatusOr<StoredGroups> DecodeGroups(std::string_view key,
                                          std::string_view value) {
  return DecodeRecord<StoredGroups>(key, value);
}
absl::StatusOr<StoredStates> DecodeStates(std::string_view key,
                                          std::string_view value) {
  return DecodeRecord<StoredStates>(key, value);
}

absl::StatusOr<std::string> DecodePayload(std::string_view key,
                                          std::string_view value) {
  const absl::StatusOr<Unsealed> body = Unseal(key, value, kPayloadVersion);
  if (!body.ok()) return body.status();
  return std::string(body->fields);
}

}  // namespace vade::storage
