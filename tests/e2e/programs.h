// Runs the real binaries as a user would. The paths come from the build.
#ifndef VADE_TESTS_E2E_PROGRAMS_H_
#define VADE_TESTS_E2E_PROGRAMS_H_

#include <memory>
#include <string>
#include <vector>

#include "client/load/server_process.h"
#include "tests/e2e/temp_folder.h"

namespace vade {

struct ProgramResult {
  int exit_code = 0;
  std::string out;
  std::string err;
};

// Runs to the end with an empty stdin. Paths of arguments are as given.
ProgramResult RunProgram(const std::string& program,
                         const std::vector<std::string>& arguments);

ProgramResult Vadectl(const std::vector<std::string>& arguments,
                      const std::string& address);
ProgramResult VadeLoad(const std::vector<std::string>& arguments,
                       const std::string& address);

// A server on a free port whose folder is below `folder`. Fails the test if it
// does not come up.
std::unique_ptr<load::ServerProcess> StartServer(const TempFolder& folder);
load::ServerProcessOptions ServerOptionsIn(const TempFolder& folder);

// Where vade-load and vadectl are.
std::string LoadProgram();
std::string VadectlProgram();

// A data file of the shared folder beside the tree; empty, with a warning that
// says what is skipped, if it is not there.
std::string SharedFile(const std::string& name, const std::string& skipped);

}  // namespace vade

#endif  // VADE_TESTS_E2E_PROGRAMS_H_
