#include "client/load/process.h"

#include <signal.h>

#include <fstream>
#include <iterator>
#include <string>

#include "tests/catch.h"
#include "tests/e2e/temp_folder.h"

namespace vade::load {
namespace {

std::unique_ptr<ChildProcess> Start(std::vector<std::string> arguments,
                                    bool with_pipes) {
  ProcessOptions options;
  options.arguments = std::move(arguments);
  options.with_pipes = with_pipes;
  return ChildProcess::Start(options).value();
}

TEST_CASE("lines go to a child and come back", "[unit]") {
  const auto cat = Start({"/bin/cat"}, true);
  REQUIRE(cat->WriteLine("one").ok());
  REQUIRE(cat->WriteLine(std::string(100'000, 'x')).ok());
  CHECK(cat->ReadLine().value() == "one");
  CHECK(cat->ReadLine().value() == std::string(100'000, 'x'));
  CHECK_FALSE(cat->Poll().has_value());
  cat->CloseInput();
  CHECK(cat->ReadLine().status().code() == absl::StatusCode::kUnavailable);
  CHECK(cat->Wait() == 0);
}

TEST_CASE("a child's end is told by its exit code or signal", "[unit]") {
  CHECK(Start({"/bin/sh", "-c", "exit 3"}, false)->Wait() == 3);
  CHECK(Start({"no-such-program"}, false)->Wait() == 127);
  const auto cat = Start({"/bin/cat"}, true);
  cat->Signal(SIGKILL);
  CHECK(cat->Wait() == 128 + SIGKILL);
  CHECK(cat->Poll() == 128 + SIGKILL);
  // Ended: another signal reaches nobody.
  cat->Signal(SIGTERM);
  CHECK(cat->Wait() == 128 + SIGKILL);
}

TEST_CASE("a child's output is appended to a file", "[unit]") {
  const TempFolder folder;
  for (const char* word : {"one", "two"}) {
    ProcessOptions options;
    options.arguments = {"/bin/sh", "-c",
                         std::string("echo ") + word + "; echo err >&2"};
    options.output_path = folder.File("out");
    CHECK(ChildProcess::Start(options).value()->Wait() == 0);
  }
  std::ifstream input(folder.File("out"));
  CHECK(std::string(std::istreambuf_iterator<char>(input), {}) ==
        "one\nerr\ntwo\nerr\n");
  ProcessOptions options;
  options.arguments = {"/bin/true"};
  options.output_path = folder.File("none/out");
  CHECK(ChildProcess::Start(options).status().code() ==
        absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace vade::load
