// Command: one thing vadectl can do, named by the two words of its RPC. Each
// file *_commands.cc adds the commands of one noun to the list.
#ifndef VADE_CLIENT_CLI_COMMAND_H_
#define VADE_CLIENT_CLI_COMMAND_H_

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/cli/session.h"

namespace vade::cli {

struct CommandText {
  // "create", "run".
  std::string verb;
  std::string noun;
  // One line.
  std::string summary;
  // Command lines that work as typed, one a line.
  std::string example;
  // What else there is to say, in lines of at most 80 columns; may be empty.
  std::string details;
};

// Holds the values of its own flags. Thread-compatible.
class Command {
 public:
  virtual ~Command() = default;
  virtual CommandText Text() const = 0;
  // Declares the flags and arguments, bound to fields of this command.
  virtual void AddFlags(CLI::App& app) = 0;
  // Does it, once, after the command line was read. Answers go to the session;
  // an error is returned, not printed.
  virtual absl::Status Run(Session& session) = 0;
};

using CommandList = std::vector<std::unique_ptr<Command>>;

void AddRunCommands(CommandList& list);
void AddPromptCommands(CommandList& list);
void AddImportCommand(CommandList& list);
void AddExportCommand(CommandList& list);
void AddExplainCommand(CommandList& list);
void AddBatchCommands(CommandList& list);
void AddReportCommand(CommandList& list);
void AddStatsCommands(CommandList& list);
void AddHealthCommand(CommandList& list);

}  // namespace vade::cli

#endif  // VADE_CLIENT_CLI_COMMAND_H_
