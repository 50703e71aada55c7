#include "storage/checksum.h"

#include <random>
#include <string>
#include <string_view>

#include "tests/catch.h"

namespace vade::storage {
namespace {

// RFC 3720, B.4.
TEST_CASE("The checksum is the published CRC-32C", "[unit]") {
  CHECK(Crc32c("", "") == 0);
  CHECK(Crc32c("123456789", "") == 0xe3069283);
  CHECK(Crc32c("", "123456789") == 0xe3069283);
  CHECK(Crc32c(std::string(32, '\0'), "") == 0x8a9136aa);
  CHECK(Crc32c(std::string(20, '\xff'), std::string(12, '\xff')) == 0x62a8ab43);
}

TEST_CASE("The processor's checksum is Boost's at every length and place",
          "[unit]") {
  constexpr int kSeed = 7;
  CAPTURE(kSeed);
  std::mt19937_64 random(kSeed);
  std::string bytes(600, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  const std::string_view all = bytes;
  for (size_t begin = 0; begin < 9; ++begin) {
    for (size_t middle = begin; middle < begin + 20; ++middle) {
      for (size_t size = 0; size < 500; size += 1 + size / 16) {
        const std::string_view first = all.substr(begin, middle - begin);
        const std::string_view second = all.substr(middle, size);
        CHECK(Crc32c(first, second) == PortableCrc32c(first, second));
      }
    }
  }
}

}  // namespace
}  // namespace vade::storage
