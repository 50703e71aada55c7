#include "storage/checksum.h"

#include "boost/crc.hpp"

#if defined(__x86_64__)
#include <nmmintrin.h>

#include <cstring>
#endif

namespace vade::storage {

uint32_t PortableCrc32c(std::string_view first, std::string_view second) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(first.data(), first.size());
  crc.process_bytes(second.data(), second.size());
  return crc.checksum();
}

#if defined(__x86_64__)

namespace {

__attribute__((target("sse4.2"))) uint32_t Extend(uint32_t crc,
                                                  std::string_view bytes) {
  const char* at = bytes.data();
  size_t left = bytes.size();
  uint64_t wide = crc;
  for (; left >= sizeof(uint64_t); left -= sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, at, sizeof(word));
    wide = _mm_crc32_u64(wide, word);
    at += sizeof(word);
  }
  crc = static_cast<uint32_t>(wide);
  for (; left > 0; --left) {
    crc = _mm_crc32_u8(crc, static_cast<uint8_t>(*at++));
  }
  return crc;
}

}  // namespace

uint32_t Crc32c(std::string_view first, std::string_view second) {
  static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
  if (!has_instruction) return PortableCrc32c(first, second);
  return ~Extend(Extend(0xFFFFFFFF, first), second);
}

#else

uint32_t Crc32c(std::string_view first, std::string_view second) {
  return PortableCrc32c(first, second);
}

#endif

}  // namespace vade::storage
