// Runs a program and keeps what it wrote.
#ifndef VADE_TESTS_CLIENT_CHILD_PROCESS_H_
#define VADE_TESTS_CLIENT_CHILD_PROCESS_H_

#include <string>
#include <vector>

namespace vade::client {

struct ChildResult {
  // Exit code; -1 if it did not exit by itself.
  int exit = -1;
  std::string out;
  std::string err;
};

// Runs `arguments[0]` with the rest, `environment` (NAME=VALUE) added to ours,
// and nothing on its standard input. Waits for its end.
ChildResult RunChild(const std::vector<std::string>& arguments,
                     const std::vector<std::string>& environment = {});

}  // namespace vade::client

#endif  // VADE_TESTS_CLIENT_CHILD_PROCESS_H_
