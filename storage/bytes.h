// ByteWriter and ByteReader: the few primitive encodings that records and keys
// are made of. Fixed-width numbers in values are little-endian, in keys
// big-endian, so that keys order as numbers do. Thread-compatible.
#ifndef VADE_STORAGE_BYTES_H_
#define VADE_STORAGE_BYTES_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace vade::storage {

inline constexpr size_t kMaxVarintBytes = 10;

// Appends to a string of its own.
class ByteWriter {
 public:
  explicit ByteWriter(size_t expected_bytes) { bytes_.reserve(expected_bytes); }

  void U8(uint8_t value) { bytes_.push_back(static_cast<char>(value)); }

  void FixedU32(uint32_t value) { Fixed<4>(value); }
  void FixedU64(uint64_t value) { Fixed<8>(value); }
  // The IEEE 754 bits, so that every value comes back bit for bit.
  void Double(double value) { FixedU64(std::bit_cast<uint64_t>(value)); }

  void BigEndianU32(uint32_t value) { BigEndian<4>(value); }
  void BigEndianU64(uint64_t value) { BigEndian<8>(value); }

  // LEB128: seven bits a byte, lowest first, the top bit set on all but the
  // last.
  void Varint(uint64_t value) {
    while (value >= 0x80) {
      U8(static_cast<uint8_t>(value | 0x80));
      value >>= 7;
    }
    U8(static_cast<uint8_t>(value));
  }

  // The length as a varint, then the bytes.
  void Bytes(std::string_view value) {
    Varint(value.size());
    Raw(value);
  }
  void Raw(std::string_view value) { bytes_.append(value); }

  const std::string& bytes() const { return bytes_; }
  std::string Take() { return std::move(bytes_); }

 private:
  template <int kWidth>
  void Fixed(uint64_t value) {
    char buffer[kWidth];
    for (int i = 0; i < kWidth; ++i) {
      buffer[i] = static_cast<char>(value >> (8 * i));
    }
    bytes_.append(buffer, kWidth);
  }
  template <int kWidth>
  void BigEndian(uint64_t value) {
    char buffer[kWidth];
    for (int i = 0; i < kWidth; ++i) {
      buffer[i] = static_cast<char>(value >> (8 * (kWidth - 1 - i)));
    }
    bytes_.append(buffer, kWidth);
  }

  std::string bytes_;
};

// Reads from bytes that it borrows. A read beyond the end, or of bytes that no
// writer makes, fails: it returns zero, and so does every read after it. Ask
// ok() once, at the end.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  size_t remaining() const { return rest_.size(); }
  // For a caller that read a value it cannot accept.
  void Fail() {
    ok_ = false;
    rest_ = {};
  }

  uint8_t U8() {
    const std::string_view taken = Raw(1);
    return taken.empty() ? 0 : static_cast<uint8_t>(taken[0]);
  }

  uint32_t FixedU32() { return static_cast<uint32_t>(Fixed<4>()); }
  uint64_t FixedU64() { return Fixed<8>(); }
  double Double() { return std::bit_cast<double>(FixedU64()); }

  uint32_t BigEndianU32() { return static_cast<uint32_t>(BigEndian<4>()); }
  uint64_t BigEndianU64() { return BigEndian<8>(); }

  // Refuses an encoding longer than its value needs.
  uint64_t Varint() {
    uint64_t value = 0;
    for (size_t i = 0; i < kMaxVarintBytes; ++i) {
      const uint8_t byte = U8();
      // The tenth byte carries the 64th bit only.
      if (!ok_ || (i == kMaxVarintBytes - 1 && byte > 1)) break;
      value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
      if (byte < 0x80) {
        if (byte == 0 && i > 0) break;
        return value;
      }
    }
    Fail();
    return 0;
  }

  // Fails on a value that does not fit.
  uint32_t VarintU32() {
    const uint64_t value = Varint();
    if (value > UINT32_MAX) {
      Fail();
      return 0;
    }
    return static_cast<uint32_t>(value);
  }

  // Views hold as long as the bytes given to the constructor.
  std::string_view Bytes() {
    const uint64_t size = Varint();
    return Raw(size);
  }
  std::string_view Raw(uint64_t size) {
    if (size > rest_.size()) {
      Fail();
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

 private:
  template <int kWidth>
  uint64_t Fixed() {
    const std::string_view taken = Raw(kWidth);
    uint64_t value = 0;
    for (size_t i = 0; i < taken.size(); ++i) {
      value |= uint64_t{static_cast<uint8_t>(taken[i])} << (8 * i);
    }
    return value;
  }
  template <int kWidth>
  uint64_t BigEndian() {
    uint64_t value = 0;
    for (const char byte : Raw(kWidth)) {
      value = value << 8 | static_cast<uint8_t>(byte);
    }
    return value;
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace vade::storage

#endif  // VADE_STORAGE_BYTES_H_
