// One record of each kind with its key and its bytes, written down by hand
// from storage/README.md. They stand for every store that exists: a change
// that fails them needs a new record version, not new golden bytes.
#ifndef VADE_TESTS_STORAGE_GOLDEN_RECORDS_H_
#define VADE_TESTS_STORAGE_GOLDEN_RECORDS_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace vade::storage {

struct Golden {
  std::string table;  // as messages name it
  std::string key;
  int version = 1;
  // The value as Encode makes it.
  std::string encoded;
  // The value as it must be.
  std::string hex;
  // OK if a value decodes to the golden record, UNKNOWN if to another one,
  // else the error of decoding.
  std::function<absl::Status(std::string_view key, std::string_view value)>
      decode;
};

std::vector<Golden> GoldenRecords();

// Records of versions that are only read any more. Encode makes other bytes of
// them.
std::vector<Golden> OldGoldenRecords();

}  // namespace vade::storage

#endif  // VADE_TESTS_STORAGE_GOLDEN_RECORDS_H_
