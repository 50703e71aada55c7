#include "storage/encoding.h"

#include <bit>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/bytes.h"
#include "tests/catch.h"
#include "tests/storage/golden_records.h"
#include "tests/storage/sealed.h"

namespace vade::storage {
namespace {

// The message of `status` has all of `parts`.
void CheckSays(const absl::Status& status,
               const std::vector<std::string>& parts) {
  CAPTURE(status.ToString());
  for (const std::string& part : parts) {
    CHECK(absl::StrContains(status.message(), part));
  }
}

std::string Body(const Golden& golden) {
  return golden.encoded.substr(0, golden.encoded.size() - 4);
}

TEST_CASE("Every record has its golden bytes", "[unit]") {
  for (const Golden& golden : GoldenRecords()) {
    CAPTURE(golden.table);
    CHECK(absl::BytesToHexString(golden.encoded) == golden.hex);
  }
}

TEST_CASE("Golden bytes decode to the record they were made of", "[unit]") {
  for (const Golden& golden : GoldenRecords()) {
    CAPTURE(golden.table);
    const std::string value = absl::HexStringToBytes(golden.hex);
    const absl::Status status = golden.decode(golden.key, value);
    CAPTURE(status.ToString());
    CHECK(status.ok());
  }
}

TEST_CASE("Records of older versions decode", "[unit]") {
  for (const Golden& golden : OldGoldenRecords()) {
    CAPTURE(golden.table);
    CHECK(absl::BytesToHexString(golden.encoded) != golden.hex);
    const std::string value = absl::HexStringToBytes(golden.hex);
    CHECK(golden.decode(golden.key, value).ok());
  }
}

TEST_CASE("A record with any one bit flipped is data loss", "[unit]") {
  for (const Golden& golden : GoldenRecords()) {
    for (size_t bit = 0; bit < 8 * golden.encoded.size(); ++bit) {
      std::string value = golden.encoded;
      value[bit / 8] ^= static_cast<char>(1 << (bit % 8));
      if (!absl::IsDataLoss(golden.decode(golden.key, value))) {
        FAIL_CHECK(golden.table << ": bit " << bit << " was not noticed");
      }
    }
  }
}

TEST_CASE("A record cut short or grown is data loss", "[unit]") {
  for (const Golden& golden : GoldenRecords()) {
    CAPTURE(golden.table);
    for (size_t size = 0; size < golden.encoded.size(); ++size) {
      const std::string value = golden.encoded.substr(0, size);
      CHECK(absl::IsDataLoss(golden.decode(golden.key, value)));
    }
    CHECK(absl::IsDataLoss(golden.decode(golden.key, golden.encoded + '\0')));
  }
}

TEST_CASE("A record of the wrong length is data loss though its checksum fits",
          "[unit]") {
  for (const Golden& golden : GoldenRecords()) {
    // A payload is whatever bytes there are.
    if (golden.table == "payload") continue;
    CAPTURE(golden.table);
    const std::string body = Body(golden);
    for (size_t size = 1; size < body.size(); ++size) {
      const std::string value = Sealed(golden.key, body.substr(0, size));
      CHECK(absl::IsDataLoss(golden.decode(golden.key, value)));
    }
    const std::string value = Sealed(golden.key, body + '\0');
    CHECK(absl::IsDataLoss(golden.decode(golden.key, value)));
  }
}

TEST_CASE("A record under another's key is data loss", "[unit]") {
  for (const Golden& golden : GoldenRecords()) {
    CAPTURE(golden.table);
    std::string other = golden.key;
    other.back() ^= 1;
    CHECK(absl::IsDataLoss(golden.decode(other, golden.encoded)));
  }
}

TEST_CASE("Damage is reported with the table and the key in hex", "[unit]") {
  for (const Golden& golden : GoldenRecords()) {
    const absl::Status status = golden.decode(golden.key, "x");
    CheckSays(status, {golden.table, absl::BytesToHexString(golden.key)});
    CHECK(KeyOf(status) == golden.key);
  }
}

TEST_CASE("An intact record of an unknown version is refused with both",
          "[unit]") {
  for (const Golden& golden : GoldenRecords()) {
    CAPTURE(golden.table);
    for (const int version : {0, golden.version + 1, 255}) {
      std::string body = Body(golden);
      body[0] = static_cast<char>(version);
      const absl::Status status =
          golden.decode(golden.key, Sealed(golden.key, body));
      CHECK(absl::IsFailedPrecondition(status));
      CHECK(KeyOf(status) == golden.key);
      CheckSays(status, {absl::StrCat("version ", version), "knows version",
                         absl::StrCat(golden.version)});
    }
  }
}

TEST_CASE("Enums and booleans that no encoder writes are data loss", "[unit]") {
  const std::string lease = LeaseKey(1, 1);
  const std::string lease_rest(24, '\0');
  for (const int state : {0, 5, 255}) {
    const std::string body =
        absl::StrCat("\x01", std::string(1, static_cast<char>(state)));
    CHECK(absl::IsDataLoss(
        DecodeLease(lease, Sealed(lease, body + lease_rest)).status()));
  }
  const std::string info = PromptInfoKey(1, 1);
  const std::string body("\x01\x00\x00\x02\x00", 5);
  CHECK(absl::IsDataLoss(DecodePromptInfo(info, Sealed(info, body)).status()));
}

TEST_CASE("A count of items beyond the record is refused, not allocated",
          "[unit]") {
  const std::string key = PromptInfoKey(1, 1);
  ByteWriter body(16);
  body.U8(1);
  body.Bytes("");
  body.Varint(uint64_t{1} << 60);
  CHECK(absl::IsDataLoss(
      DecodePromptInfo(key, Sealed(key, body.bytes())).status()));
}

TEST_CASE("An empty and a large payload come back", "[unit]") {
  const std::string key = PayloadKey(1, 1);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{1} << 20}) {
    const std::string payload(size, '\xff');
    const auto decoded = DecodePayload(key, EncodePayload(key, payload));
    REQUIRE(decoded.ok());
    CHECK((*decoded == payload));
  }
}

// Numbers of every size, their ends more often than chance would have them.
class RandomFields {
 public:
  explicit RandomFields(uint64_t seed) : random_(seed) {}

  uint64_t U64() {
    const uint64_t shift = random_() % 65;
    return shift == 64 ? UINT64_MAX : random_() >> shift;
  }
  uint32_t U32() { return static_cast<uint32_t>(U64()); }
  int64_t I64() { return static_cast<int64_t>(random_()); }
  bool Bool() { return random_() % 2 == 0; }
  // Any bits but those of NaN, which is equal to nothing.
  double Double() {
    for (;;) {
      const double value = std::bit_cast<double>(random_());
      if (value == value) return value;
    }
  }
  std::string Text() {
    std::string text(random_() % 300, '\0');
    for (char& byte : text) byte = static_cast<char>(random_());
    return text;
  }

 private:
  std::mt19937_64 random_;
};

void Fill(RandomFields& random, RunRecord& r) {
  r.number = random.U32();
  r.id = random.Text();
  r.display_name = random.Text();
  r.epoch = random.U64();
  r.revision = random.U64();
  r.create_time_us = random.I64();
  r.update_time_us = random.I64();
  RunSettings& s = r.settings;
  s.seed = random.U64();
  s.policy = random.Text();
  s.group_size = random.U32();
  s.selected_decay = random.Double();
  s.unselected_decay = random.Double();
  s.target_pass_rate = random.Double();
  s.cooldown = random.Double();
  s.reference_batch_size = random.U32();
  s.reward_rule = {
      random.Bool() ? RewardRuleKind::kRange : RewardRuleKind::kThreshold,
      random.Double(), random.Double(), random.Double()};
  s.starting_alpha = random.Double();
  s.starting_beta = random.Double();
  s.lease_ttl_us = random.I64();
  s.retained_deals = random.U64();
  s.retention_age_us = random.I64();
}

void Fill(RandomFields& random, PromptState& r) {
  r.alpha = random.Double();
  r.beta = random.Double();
  r.evidence_clock = random.Double();
  r.base_sequence = random.U64();
  r.evidence_sequence = random.U64();
  r.dealt_sequence = random.U64();
  r.dealt_clock = random.Double();
  r.dealt_position = random.U32();
  r.deals = random.U32();
  r.pass = random.U32();
  r.rollouts = random.U32();
  r.successes = random.Double();
}

void Fill(RandomFields& random, PromptInfo& r) {
  r.id = random.Text();
  for (uint64_t i = random.U64() % 17; i > 0; --i) {
    r.labels.emplace_back(random.Text(), random.Text());
  }
  r.enabled = random.Bool();
  r.deleted = random.Bool();
  r.payload_bytes = random.U32();
}

void Fill(RandomFields& random, BatchRecord& r) {
  r.sequence = random.U64();
  r.epoch = random.U64();
  r.clock = random.Double();
  r.create_time_us = random.I64();
  r.group_size = random.U32();
  r.request_id = random.Text();
  r.request_fingerprint = random.U64();
  for (uint64_t i = random.U64() % 50; i > 0; --i) {
    r.entries.push_back({random.U32(), random.U32(), random.Double(),
                         random.Double(), random.Double(), random.Double()});
  }
  r.lease_ttl_us = random.I64();
  r.lease_expire_time_us = random.I64();
}

void Fill(RandomFields& random, GroupRecord& r) {
  r.state = static_cast<GroupState>(random.U64() % 4);
  r.in_evidence = random.Bool();
  r.varied = random.Bool();
  r.rewards = random.U32();
  r.failed = random.U32();
  r.successes = random.Double();
  r.first_reward = random.Double();
  r.before_alpha = random.Double();
  r.before_beta = random.Double();
  r.before_clock = random.Double();
  for (uint64_t i = random.U64() % 5; i > 0; --i) {
    r.reported.push_back(random.U64());
  }
}

void Fill(RandomFields& random, StoredGroup& r) {
  Fill(random, r.group);
  if (random.Bool()) Fill(random, r.prompt.emplace());
}

void Fill(RandomFields& random, StoredGroups& r) {
  r.groups.resize(random.U64() % 20);
  for (std::optional<StoredGroup>& group : r.groups) {
    if (random.Bool()) Fill(random, group.emplace());
  }
}

void Fill(RandomFields& random, StoredStates& r) {
  r.prompts.resize(random.U64() % 20);
  for (PromptWithState& prompt : r.prompts) {
    prompt.prompt_index = random.U32();
    Fill(random, prompt.state);
  }
}

template <class Record>
void CheckRoundTrip(RandomFields& random, const std::string& key,
                    absl::StatusOr<Record> (*decode)(std::string_view,
                                                     std::string_view)) {
  Record record;
  Fill(random, record);
  const auto decoded = decode(key, Encode(key, record));
  REQUIRE(decoded.ok());
  REQUIRE((*decoded == record));
}

TEST_CASE("Any record comes back as it was", "[unit]") {
  const uint64_t seed = GENERATE(range<uint64_t>(1, 201));
  CAPTURE(seed);
  RandomFields random(seed);
  const uint32_t run = random.U32();
  CheckRoundTrip(random, RunKey(run), &DecodeRun);
  CheckRoundTrip(random, PromptInfoKey(run, random.U32()), &DecodePromptInfo);
  CheckRoundTrip(random, PromptStateKey(run, random.U32()), &DecodePromptState);
  CheckRoundTrip(random, BatchKey(run, random.U64()), &DecodeBatch);
  CheckRoundTrip(random, GroupKey(run, random.U64(), random.U32()),
                 &DecodeGroup);
  CheckRoundTrip(random, GroupsKey(run, random.U64()), &DecodeGroups);
  CheckRoundTrip(random, StatesKey(run, random.U64()), &DecodeStates);
}

TEST_CASE("Hot records take tens of bytes", "[unit]") {
  for (const Golden& golden : GoldenRecords()) {
    CAPTURE(golden.table);
    if (golden.table == "prompt state" || golden.table == "lease") {
      CHECK(golden.encoded.size() < 60);
    }
    // A group of 65 rollouts, and its prompt's state.
    if (golden.table == "group") CHECK(golden.encoded.size() < 120);
  }
}

}  // namespace
}  // namespace vade::storage
