// Child processes: started by fork and exec, spoken to over pipes by lines,
// ended by their own pid. A child gets SIGKILL when the thread that started
// it ends, so that nothing is left behind: start it from a thread that lives
// as long as it must.
#ifndef VADE_CLIENT_LOAD_PROCESS_H_
#define VADE_CLIENT_LOAD_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace vade::load {

struct ProcessOptions {
  // Path of the program, then its arguments.
  std::vector<std::string> arguments = {};
  // Connect stdin and stdout to WriteLine and ReadLine.
  bool with_pipes = false;
  // Append stderr, and stdout if there are no pipes, to this file. Empty: as
  // this process.
  std::string output_path = {};
};

// Thread-compatible.
class ChildProcess {
 public:
  // UNAVAILABLE: no pipe, no process or no output file. A program that cannot
  // be run is a child that exits with 127.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(
      const ProcessOptions& options);
  // Kills it if it runs, and reaps it.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }

  // Sends a signal; nothing if it has ended.
  void Signal(int signal);
  // Waits for its end: its exit code, or 128 + the signal that ended it.
  int Wait();
  // As Wait, if it has ended.
  std::optional<int> Poll();

  // `line` has no line end. UNAVAILABLE: the child does not read any more.
  absl::Status WriteLine(const std::string& line);
  // Blocks. UNAVAILABLE: the child has closed its output; RESOURCE_EXHAUSTED:
  // the line is longer than 1 MiB.
  absl::StatusOr<std::string> ReadLine();
  // Tells the child that nothing more will come.
  void CloseInput();

 private:
  ChildProcess(pid_t pid, int input, int output)
      : pid_(pid), input_(input), output_(output) {}
  std::optional<int> Reap(int wait_options);

  const pid_t pid_;
  // Our ends of the pipes; -1: none.
  int input_;
  int output_;
  std::string buffered_;
  std::optional<int> exit_code_;
};

// Path of the program that runs.
std::string OwnPath();

// Path of a program that lies beside this one.
std::string SiblingPath(const std::string& name);

}  // namespace vade::load

#endif  // VADE_CLIENT_LOAD_PROCESS_H_
