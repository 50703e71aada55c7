// Program: vadectl as a function: reads a command line, runs the one command
// it names, and says with what the process should exit.
#ifndef VADE_CLIENT_CLI_PROGRAM_H_
#define VADE_CLIENT_CLI_PROGRAM_H_

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/cli/command.h"
#include "client/cli/session.h"

namespace vade::cli {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

// Thread-compatible. Good for one run.
class Program {
 public:
  Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Runs `arguments`, which are without the program's name. Answers go to
  // streams.out; errors and progress to streams.err. Returns the exit code: 0
  // done, 1 the call failed, 2 the command line is wrong.
  int Run(const std::vector<std::string>& arguments, Streams& streams);

  // Reads the command line and runs nothing. The text that Run would print to
  // stderr if it is wrong, else empty.
  std::string Check(const std::vector<std::string>& arguments);

  // Every command with its flags.
  const CLI::App& app() const { return app_; }
  const CommandList& commands() const { return commands_; }

 private:
  void AddGlobalFlags();
  void AddCommand(Command& command);
  int Execute(Streams& streams);

  CLI::App app_;
  GlobalFlags flags_;
  CommandList commands_;
  // The leaves of app_, in the order of commands_.
  std::vector<CLI::App*> leaves_;
  std::map<std::string, CLI::App*> verbs_;
};

}  // namespace vade::cli

#endif  // VADE_CLIENT_CLI_PROGRAM_H_
