// The figures of vade-load against a real server: that they come, not how
// large they are.
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>

#include "tests/catch.h"
#include "tests/e2e/programs.h"

namespace vade {
namespace {

// Names of the figures printed, each a JSON line with a value over 0.
std::set<std::string> FigureNames(const std::string& out) {
  std::set<std::string> names;
  std::istringstream lines(out);
  std::string line;
  while (std::getline(lines, line)) {
    const auto json = nlohmann::json::parse(line);
    CHECK(json.at("value").get<double>() > 0);
    CHECK_FALSE(json.at("unit").get<std::string>().empty());
    names.insert(json.at("name").get<std::string>());
  }
  return names;
}

TEST_CASE("plain load prints figures as JSON lines in every mode", "[e2e]") {
  const TempFolder folder;
  const auto server = StartServer(folder);
  const auto names = [&server](const std::string& mode) {
    const ProgramResult result = VadeLoad(
        {"plain", "--run=load", "--mode=" + mode, "--workers=3",
         "--batch-size=16", "--batches=6", "--prompts=2000", "--seconds=0.2"},
        server->address());
    INFO(result.err);
    CHECK(result.exit_code == 0);
    return FigureNames(result.out);
  };
  CHECK(names("sample").contains("sample_batch_p99"));
  CHECK(names("batches").contains("batch_reports"));
  CHECK(names("singles").contains("single_reports"));
  CHECK(names("mixed").contains("mixed_batch_report_p50"));
}

TEST_CASE("a bench measures a server of its own", "[e2e]") {
  const ProgramResult result =
      RunProgram(LoadProgram(), {"bench", "--import=3000", "--prompts=2000",
                                 "--batch-size=16", "--sample-calls=5",
                                 "--report-batches=5", "--single-batches=2"});
  INFO(result.err);
  CHECK(result.exit_code == 0);
  const std::set<std::string> names = FigureNames(result.out);
  for (const char* name :
       {"sample_batch_p50", "batch_reports", "single_reports", "import",
        "restart_after_kill", "memory_after_restart"}) {
    CHECK(names.contains(name));
  }
}

TEST_CASE("vade-load says what is wrong, and exits 1 or 2", "[e2e]") {
  const TempFolder folder;
  const auto server = StartServer(folder);
  const std::string& address = server->address();
  CHECK(VadeLoad({"simulate"}, address).exit_code == 2);
  CHECK(VadeLoad({"no-such-command"}, address).exit_code == 2);
  CHECK(
      VadeLoad({"simulate", "--run=r", "--split=thirds"}, address).exit_code ==
      2);
  const ProgramResult unknown = VadeLoad(
      {"simulate", "--run=r", "--policy=no-such-policy", "--steps=1"}, address);
  CHECK(unknown.exit_code == 1);
  CHECK(unknown.err.find("no-such-policy") != std::string::npos);
  // The run has another policy than asked for.
  REQUIRE(
      Vadectl({"create", "run", "u", "--policy=uniform"}, address).exit_code ==
      0);
  const ProgramResult other =
      VadeLoad({"simulate", "--run=u", "--policy=vade", "--steps=1"}, address);
  CHECK(other.exit_code == 1);
  CHECK(other.err.find("uniform") != std::string::npos);
  // More prompts a step than the run has.
  const ProgramResult few =
      VadeLoad({"simulate", "--run=u", "--prompts=8", "--steps=1"}, address);
  CHECK(few.exit_code == 1);
  CHECK(VadeLoad({"verify", "--run=u", "--log-dir=" + folder.File("none")},
                 address)
            .exit_code == 1);
}

}  // namespace
}  // namespace vade
