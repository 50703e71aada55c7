#include "tests/e2e/programs.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "client/load/process.h"
#include "tests/catch.h"

namespace vade {
namespace {

std::vector<std::string> WithAddress(std::vector<std::string> arguments,
                                     const std::string& address) {
  arguments.push_back("--address=" + address);
  return arguments;
}

}  // namespace

ProgramResult RunProgram(const std::string& program,
                         const std::vector<std::string>& arguments) {
  const TempFolder folder;
  load::ProcessOptions options;
  options.arguments = {program};
  options.arguments.insert(options.arguments.end(), arguments.begin(),
                           arguments.end());
  options.with_pipes = true;
  options.output_path = folder.File("stderr");
  const auto process = load::ChildProcess::Start(options);
  REQUIRE(process.ok());
  (*process)->CloseInput();
  ProgramResult result;
  for (auto line = (*process)->ReadLine(); line.ok();
       line = (*process)->ReadLine()) {
    result.out += *line + "\n";
  }
  result.exit_code = (*process)->Wait();
  std::ifstream input(folder.File("stderr"));
  result.err.assign(std::istreambuf_iterator<char>(input), {});
  return result;
}

ProgramResult Vadectl(const std::vector<std::string>& arguments,
                      const std::string& address) {
  return RunProgram(VadectlProgram(), WithAddress(arguments, address));
}

ProgramResult VadeLoad(const std::vector<std::string>& arguments,
                       const std::string& address) {
  return RunProgram(LoadProgram(), WithAddress(arguments, address));
}

load::ServerProcessOptions ServerOptionsIn(const TempFolder& folder) {
  load::ServerProcessOptions options;
  options.program = VADE_SERVER_PROGRAM;
  options.data_folder = folder.File("data");
  options.log_path = folder.File("server.log");
  options.port_path = folder.File("server.port");
  return options;
}

std::unique_ptr<load::ServerProcess> StartServer(const TempFolder& folder) {
  auto server = load::ServerProcess::Start(ServerOptionsIn(folder));
  INFO(server.status());
  REQUIRE(server.ok());
  return *std::move(server);
}

std::string LoadProgram() { return VADE_LOAD_PROGRAM; }

std::string VadectlProgram() { return VADE_VADECTL_PROGRAM; }

std::string SharedFile(const std::string& name, const std::string& skipped) {
  std::string path = std::string(VADE_SHARED_DATA) + "/" + name;
  if (std::filesystem::exists(path)) return path;
  WARN("no " << name << " beside the tree: " << skipped);
  return "";
}

}  // namespace vade
