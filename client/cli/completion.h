// Bash completion of vadectl, made from the commands as CLI11 has them.
#ifndef VADE_CLIENT_CLI_COMPLETION_H_
#define VADE_CLIENT_CLI_COMPLETION_H_

#include <CLI/CLI.hpp>
#include <string>

namespace vade::cli {

// A script for bash to source. It completes commands, flags, the words of
// flags that take one of a few, runs (by asking the server, for a second at
// most) and file names. Pure, thread-safe.
std::string BashCompletion(const CLI::App& app);

}  // namespace vade::cli

#endif  // VADE_CLIENT_CLI_COMPLETION_H_
