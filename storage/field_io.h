// FieldWriter and FieldReader: the fields of records to bytes and back, for
// storage/encoding alone. Thread-compatible.
#ifndef VADE_STORAGE_FIELD_IO_H_
#define VADE_STORAGE_FIELD_IO_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "storage/bytes.h"

namespace vade::storage {

// Both classes have the same functions, so that the fields of a record are
// listed once, in Fields() of encoding.cc, for both directions.
class FieldWriter {
 public:
  FieldWriter(ByteWriter& out, uint8_t version)
      : out_(out), version_(version) {}

  uint8_t version() const { return version_; }

  void Double(double value) { out_.Double(value); }
  void I64(int64_t value) { out_.FixedU64(static_cast<uint64_t>(value)); }
  void U64(uint64_t value) { out_.FixedU64(value); }
  void Count(uint32_t value) { out_.Varint(value); }
  void Count(uint64_t value) { out_.Varint(value); }
  void Text(std::string_view value) { out_.Bytes(value); }
  void Bool(bool value) { out_.U8(value ? 1 : 0); }
  template <class E>
  void Enum(E value, E, E) {
    out_.U8(static_cast<uint8_t>(value));
  }
  void Size(const auto& items, size_t) { out_.Varint(items.size()); }

 private:
  ByteWriter& out_;
  const uint8_t version_;
};

class FieldReader {
 public:
  FieldReader(ByteReader& in, uint8_t version) : in_(in), version_(version) {}

  uint8_t version() const { return version_; }

  void Double(double& value) { value = in_.Double(); }
  void I64(int64_t& value) { value = static_cast<int64_t>(in_.FixedU64()); }
  void U64(uint64_t& value) { value = in_.FixedU64(); }
  void Count(uint32_t& value) { value = in_.VarintU32(); }
  void Count(uint64_t& value) { value = in_.Varint(); }
  void Text(std::string& value) { value = std::string(in_.Bytes()); }
  void Bool(bool& value) {
    const uint8_t byte = in_.U8();
    if (byte > 1) in_.Fail();
    value = byte == 1;
  }
  // Fails on a value outside [first, last].
  template <class E>
  void Enum(E& value, E first, E last) {
    const uint8_t byte = in_.U8();
    if (byte < static_cast<uint8_t>(first) ||
        byte > static_cast<uint8_t>(last)) {
      in_.Fail();
      return;
    }
    value = static_cast<E>(byte);
  }
  // Resizes `items`; fails on more than the rest of the bytes could hold, each
  // item being `least_bytes` or more.
  void Size(auto& items, size_t least_bytes) {
    const uint64_t size = in_.Varint();
    if (size > in_.remaining() / least_bytes) {
      in_.Fail();
      return;
    }
    items.resize(size);
  }

 private:
  ByteReader& in_;
  const uint8_t version_;
};

}  // namespace vade::storage

#endif  // VADE_STORAGE_FIELD_IO_H_
