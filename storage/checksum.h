// Crc32c: the checksum of records, CRC-32C (Castagnoli), by the processor's
// instruction for it where there is one, else by Boost. Thread-safe.
#ifndef VADE_STORAGE_CHECKSUM_H_
#define VADE_STORAGE_CHECKSUM_H_

#include <cstdint>
#include <string_view>

namespace vade::storage {

// Of the bytes of `first` and then of `second`.
uint32_t Crc32c(std::string_view first, std::string_view second);

// The same by Boost alone: what Crc32c is checked against.
uint32_t PortableCrc32c(std::string_view first, std::string_view second);

}  // namespace vade::storage

#endif  // VADE_STORAGE_CHECKSUM_H_
