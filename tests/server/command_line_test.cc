// Where a setting of vade-server comes from, and what is refused; part of it by
// running the program.
#include "server/command_line.h"

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "storage/keys.h"
#include "storage/rocksdb_store.h"
#include "tests/catch.h"
#include "tests/client/child_process.h"
#include "tests/storage/sealed.h"
#include "tests/storage/temp_folder.h"

namespace vade::server {
namespace {

struct Parsed {
  std::optional<int> exit_code;
  CommandLine options;
};

Parsed Parse(const std::vector<std::string>& arguments,
             const std::map<std::string, std::string>& environment = {}) {
  Parsed parsed;
  parsed.exit_code = ParseCommandLine(
      arguments,
      [&environment](const std::string& name) -> std::optional<std::string> {
        const auto found = environment.find(name);
        if (found == environment.end()) return std::nullopt;
        return found->second;
      },
      parsed.options);
  return parsed;
}

std::string WriteFile(const TempFolder& folder, const std::string& text) {
  const std::string path = folder / "vade.toml";
  std::ofstream(path) << text;
  return path;
}

TEST_CASE("without flags every setting has its default", "[unit]") {
  const Parsed parsed = Parse({});
  REQUIRE_FALSE(parsed.exit_code.has_value());
  CHECK(parsed.options.server.address == "127.0.0.1:7447");
  CHECK(parsed.options.store.path == "./vade-data");
  CHECK(parsed.options.store.sync == storage::SyncMode::kAlways);
  CHECK(parsed.options.grace == absl::Seconds(10));
  CHECK(parsed.options.server.metrics_address == "");
  CHECK_FALSE(parsed.options.check);
}

TEST_CASE(
    "flags win over environment, environment over file, file over "
    "defaults",
    "[unit]") {
  const TempFolder folder;
  const std::string file = WriteFile(
      folder,
      "data = \"from-file\"\nsync = \"never\"\ngrace = \"3s\"\nthreads = 5\n");
  const std::map<std::string, std::string> environment = {
      {"VADE_SERVER_CONFIG", file},
      {"VADE_SERVER_DATA", "from-environment"},
      {"VADE_SERVER_SYNC", "interval"},
      {"VADE_SERVER_SYNC_INTERVAL", "250ms"}};
  const Parsed parsed = Parse({"--data", "from-flag"}, environment);
  REQUIRE_FALSE(parsed.exit_code.has_value());
  CHECK(parsed.options.store.path == "from-flag");
  CHECK(parsed.options.store.sync == storage::SyncMode::kInterval);
  CHECK(parsed.options.store.sync_interval == absl::Milliseconds(250));
  CHECK(parsed.options.grace == absl::Seconds(3));
  CHECK(parsed.options.server.threads == 5);
  CHECK(parsed.options.server.address == "127.0.0.1:7447");
}

TEST_CASE("a flag's file wins over the environment's", "[unit]") {
  const TempFolder folder;
  const std::string file = WriteFile(folder, "grace = \"7s\"\n");
  const Parsed parsed =
      Parse({"--config", file}, {{"VADE_SERVER_CONFIG", folder / "absent"}});
  REQUIRE_FALSE(parsed.exit_code.has_value());
  CHECK(parsed.options.grace == absl::Seconds(7));
}

TEST_CASE("what is wrong on the command line is exit code 2", "[unit]") {
  const TempFolder folder;
  const std::string unknown = WriteFile(folder, "no-such-setting = 1\n");
  for (const std::vector<std::string>& bad :
       std::vector<std::vector<std::string>>{{"--no-such-flag"},
                                             {"positional"},
                                             {"--sync", "sometimes"},
                                             {"--sync-interval", "0s"},
                                             {"--grace", "soon"},
                                             {"--grace", "-1s"},
                                             {"--threads", "-1"},
                                             {"--log-level", "loud"},
                                             {"--config", folder / "absent"},
                                             {"--config", unknown}}) {
    INFO(bad[0]);
    CHECK(Parse(bad).exit_code == 2);
  }
  CHECK(Parse({}, {{"VADE_SERVER_SYNC", "sometimes"}}).exit_code == 2);
}

TEST_CASE("the program says its version and explains each sync mode",
          "[unit]") {
  const client::ChildResult version =
      client::RunChild({VADE_SERVER_PROGRAM, "--version"});
  CHECK(version.exit == 0);
  CHECK(version.out == "vade-server " VADE_VERSION "\n");
  const client::ChildResult help =
      client::RunChild({VADE_SERVER_PROGRAM, "--help"});
  CHECK(help.exit == 0);
  CHECK(help.out.find("power") != std::string::npos);
  CHECK(help.out.find("VADE_SERVER_") != std::string::npos);
}

TEST_CASE("the program takes its settings in the documented order", "[unit]") {
  const TempFolder folder;
  std::ofstream(folder / "occupied") << "a file, where a folder should be";
  const std::string file =
      WriteFile(folder, "data = \"" + (folder / "unused") + "\"\n");
  // The environment's data folder cannot be made, so that it was taken shows.
  const client::ChildResult child =
      client::RunChild({VADE_SERVER_PROGRAM, "--config", file, "--check"},
                       {"VADE_SERVER_DATA=" + (folder / "occupied/data")});
  CHECK(child.exit == 1);
  CHECK(child.err.find("occupied") != std::string::npos);
  const client::ChildResult flag =
      client::RunChild({VADE_SERVER_PROGRAM, "--config", file, "--check",
                        "--data", folder / "good"},
                       {"VADE_SERVER_DATA=" + (folder / "occupied/data")});
  INFO(flag.err);
  CHECK(flag.exit == 0);
}

TEST_CASE("an address that cannot be had is exit code 1 and named", "[unit]") {
  const TempFolder folder;
  const client::ChildResult child =
      client::RunChild({VADE_SERVER_PROGRAM, "--data", folder / "data",
                        "--address", "203.0.113.1:1"});
  CHECK(child.exit == 1);
  CHECK(child.out == "");
  CHECK(child.err.find("203.0.113.1:1") != std::string::npos);
}

TEST_CASE("a store that a newer program wrote is exit code 1, and says so",
          "[unit]") {
  const std::string key = GENERATE(storage::RunKey(1), storage::RegistryKey());
  INFO(storage::TableName(key));
  const TempFolder folder;
  {
    storage::RocksDbOptions options;
    options.path = folder / "data";
    auto store = storage::OpenRocksDbStore(options);
    REQUIRE(store.ok());
    storage::Mutation mutation;
    mutation.Put(key, storage::Sealed(key, "\x64 unknown fields"));
    REQUIRE((*store)->Write(mutation).ok());
  }
  const std::vector<std::string> serve = {VADE_SERVER_PROGRAM, "--data",
                                          folder / "data", "--address",
                                          "127.0.0.1:0"};
  std::vector<std::string> check = serve;
  check.push_back("--check");
  for (const std::vector<std::string>& arguments : {serve, check}) {
    const client::ChildResult child = client::RunChild(arguments);
    INFO(child.err);
    CHECK(child.exit == 1);
    CHECK(child.err.find("has version 100, this program knows version 1") !=
          std::string::npos);
  }
}

}  // namespace
}  // namespace vade::server
