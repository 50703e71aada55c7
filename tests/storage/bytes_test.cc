#include "storage/bytes.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/escaping.h"
#include "tests/catch.h"

namespace vade::storage {
namespace {

std::string Unhex(const std::string& hex) {
  return absl::HexStringToBytes(hex);
}

uint64_t ReadVarint(const std::string& bytes, bool& ok) {
  ByteReader reader(bytes);
  const uint64_t value = reader.Varint();
  ok = reader.ok() && reader.remaining() == 0;
  return value;
}

TEST_CASE("Varints of every length come back", "[unit]") {
  for (int bits = 0; bits <= 64; ++bits) {
    const uint64_t top = bits == 64 ? UINT64_MAX : (uint64_t{1} << bits) - 1;
    for (const uint64_t value : {top, top - 1, top / 3}) {
      ByteWriter writer(kMaxVarintBytes);
      writer.Varint(value);
      CHECK(writer.bytes().size() <= kMaxVarintBytes);
      bool ok = false;
      CHECK(ReadVarint(writer.bytes(), ok) == value);
      CHECK(ok);
    }
  }
}

TEST_CASE("Varints that no writer makes are refused", "[unit]") {
  // Cut short, longer than needed, beyond 64 bits, without an end.
  for (const char* hex : {"", "80", "8000", "ff00", "ffffffffffffffffff02",
                          "ffffffffffffffffffff01", "80808080808080808000"}) {
    CAPTURE(hex);
    bool ok = true;
    CHECK(ReadVarint(Unhex(hex), ok) == 0);
    CHECK_FALSE(ok);
  }
  ByteWriter writer(kMaxVarintBytes);
  writer.Varint(uint64_t{UINT32_MAX} + 1);
  ByteReader reader(writer.bytes());
  CHECK(reader.VarintU32() == 0);
  CHECK_FALSE(reader.ok());
}

TEST_CASE("Numbers are little-endian in values and big-endian in keys",
          "[unit]") {
  ByteWriter writer(64);
  writer.U8(1);
  writer.FixedU32(0x02030405);
  writer.FixedU64(0x060708090a0b0c0d);
  writer.BigEndianU32(0x0e0f1011);
  writer.BigEndianU64(0x1213141516171819);
  writer.Double(-2);
  writer.Bytes("ab");
  CHECK(absl::BytesToHexString(writer.bytes()) ==
        "0105040302"
        "0d0c0b0a09080706"
        "0e0f1011"
        "1213141516171819"
        "00000000000000c0"
        "026162");
  ByteReader reader(writer.bytes());
  CHECK(reader.U8() == 1);
  CHECK(reader.FixedU32() == 0x02030405);
  CHECK(reader.FixedU64() == 0x060708090a0b0c0d);
  CHECK(reader.BigEndianU32() == 0x0e0f1011);
  CHECK(reader.BigEndianU64() == 0x1213141516171819);
  CHECK(reader.Double() == -2);
  CHECK(reader.Bytes() == "ab");
  CHECK(reader.ok());
  CHECK(reader.remaining() == 0);
}

TEST_CASE("Doubles come back bit for bit", "[unit]") {
  using Limits = std::numeric_limits<double>;
  for (const double value :
       {0.0, -0.0, 0.1, Limits::max(), Limits::denorm_min(), Limits::infinity(),
        Limits::quiet_NaN()}) {
    ByteWriter writer(8);
    writer.Double(value);
    const double back = ByteReader(writer.bytes()).Double();
    CHECK(std::bit_cast<uint64_t>(back) == std::bit_cast<uint64_t>(value));
  }
}

TEST_CASE("After a read beyond the end every read gives nothing", "[unit]") {
  const std::string bytes = "abc";
  ByteReader reader(bytes);
  CHECK(reader.FixedU32() == 0);
  CHECK_FALSE(reader.ok());
  CHECK(reader.U8() == 0);
  CHECK(reader.Raw(1).empty());
  CHECK(reader.Varint() == 0);
  CHECK(reader.remaining() == 0);
}

TEST_CASE("A length beyond the rest of the bytes is refused", "[unit]") {
  ByteWriter writer(16);
  writer.Varint(UINT64_MAX);
  writer.Raw("rest");
  ByteReader reader(writer.bytes());
  CHECK(reader.Bytes().empty());
  CHECK_FALSE(reader.ok());
}

}  // namespace
}  // namespace vade::storage
