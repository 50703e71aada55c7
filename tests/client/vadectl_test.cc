// The vadectl program itself, as a child process.
#include <string>

#include "tests/catch.h"
#include "tests/client/child_process.h"
#include "tests/client/fake_sampler.h"

namespace vade::client {

TEST_CASE("vadectl keeps answers and errors apart", "[unit]") {
  FakeSampler fake;
  const std::string address = "--address=" + fake.address();
  const ChildResult created =
      RunChild({VADECTL_PATH, "create", "run", "a", address});
  CHECK(created.exit == 0);
  CHECK(created.out.find("runs/a") != std::string::npos);
  CHECK(created.err.empty());

  const ChildResult failed =
      RunChild({VADECTL_PATH, "get", "run", "b", address});
  CHECK(failed.exit == 1);
  CHECK(failed.out.empty());
  CHECK(failed.err.find("RUN_NOT_FOUND") != std::string::npos);

  const ChildResult wrong = RunChild({VADECTL_PATH, "get", "run"});
  CHECK(wrong.exit == 2);
  CHECK(wrong.out.empty());
  CHECK(wrong.err.find("Try: vadectl get run --help") != std::string::npos);
}

TEST_CASE("Flags stand above the environment, and that above defaults",
          "[unit]") {
  FakeSampler fake;
  const std::string variable = "VADECTL_ADDRESS=" + fake.address();
  CHECK(RunChild({VADECTL_PATH, "check", "health"}, {variable}).exit == 0);
  CHECK(RunChild({VADECTL_PATH, "check", "health", "--address", fake.address()},
                 {"VADECTL_ADDRESS=unix:/there/is/no/socket"})
            .exit == 0);
  CHECK(RunChild({VADECTL_PATH, "check", "health"},
                 {"VADECTL_ADDRESS=unix:/there/is/no/socket"})
            .exit == 1);
  const ChildResult json = RunChild({VADECTL_PATH, "check", "health"},
                                    {variable, "VADECTL_OUTPUT=json"});
  CHECK(json.out == "{\"status\": \"SERVING\"}\n");
  CHECK(RunChild({VADECTL_PATH, "check", "health"},
                 {variable, "VADECTL_OUTPUT=xml"})
            .exit == 2);
}

TEST_CASE("vadectl tells its version", "[unit]") {
  const ChildResult result = RunChild({VADECTL_PATH, "--version"});
  CHECK(result.exit == 0);
  CHECK(result.out.find("vadectl ") == 0);
}

}  // namespace vade::client
