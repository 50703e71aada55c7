#include <fstream>
#include <iterator>
#include <string>

#include "tests/catch.h"

namespace vade::cli {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(std::string(VADE_SOURCE_DIR "/") + path);
  return std::string(std::istreambuf_iterator<char>(file),
                     std::istreambuf_iterator<char>());
}

}  // namespace

TEST_CASE("The example of the client's README is the one that compiles",
          "[unit]") {
  const std::string source = ReadFile("tests/client/readme_example.cc");
  const std::string begin_mark = "// [example]\n";
  const size_t begin = source.find(begin_mark);
  const size_t end = source.find("// [/example]");
  REQUIRE(begin != std::string::npos);
  REQUIRE(end != std::string::npos);
  const size_t start = begin + begin_mark.size();
  const std::string example = source.substr(start, end - start);
  CHECK(ReadFile("client/README.md").find("```cpp\n" + example + "```") !=
        std::string::npos);
}

}  // namespace vade::cli
