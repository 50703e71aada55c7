// The command line of vade-server. A setting is taken from its flag, else from
// its environment variable, else from the configuration file, else it has its
// default. Plain function.
#ifndef VADE_SERVER_COMMAND_LINE_H_
#define VADE_SERVER_COMMAND_LINE_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/log.h"
#include "server/server.h"
#include "storage/rocksdb_store.h"

namespace vade::server {

struct CommandLine {
  ServerOptions server;
  storage::RocksDbOptions store;
  LogOptions log;
  std::string port_file;
  absl::Duration grace = absl::Seconds(10);
  bool check = false;
};

// Name of an environment variable to its value; nullopt if it is not set.
using Environment =
    std::function<std::optional<std::string>(const std::string& name)>;

// Parses `arguments`, without the program's name, into `parsed`. Nullopt to go
// on, else the exit code, after --help and --version (0) and errors (2), whose
// text has been printed.
std::optional<int> ParseCommandLine(const std::vector<std::string>& arguments,
                                    const Environment& environment,
                                    CommandLine& parsed);

}  // namespace vade::server

#endif  // VADE_SERVER_COMMAND_LINE_H_
