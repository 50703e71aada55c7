// A record's value with a right checksum, whatever it says, for tests of what
// no encoder writes. Pure function, thread-safe.
#ifndef VADE_TESTS_STORAGE_SEALED_H_
#define VADE_TESTS_STORAGE_SEALED_H_

#include <string>

#include "boost/crc.hpp"
#include "storage/bytes.h"

namespace vade::storage {

// `body`, which begins with the version's byte, and the checksum that it needs
// under `key`.
inline std::string Sealed(const std::string& key, const std::string& body) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(key.data(), key.size());
  crc.process_bytes(body.data(), body.size());
  ByteWriter writer(body.size() + 4);
  writer.Raw(body);
  writer.FixedU32(crc.checksum());
  return writer.Take();
}

}  // namespace vade::storage

#endif  // VADE_TESTS_STORAGE_SEALED_H_
