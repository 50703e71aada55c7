// vadectl, the command line of the sampler.
#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "client/cli/program.h"

namespace {

constexpr int kDefaultColumns = 80;

int TerminalColumns() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    return size.ws_col;
  }
  return kDefaultColumns;
}

}  // namespace

int main(int argc, char** argv) {
  // A reader that has seen enough (`| head`) is no error of ours.
  std::signal(SIGPIPE, SIG_DFL);
  std::ios::sync_with_stdio(false);
  vade::cli::Streams streams{std::cin, std::cout, std::cerr};
  streams.out_is_terminal = isatty(STDOUT_FILENO) == 1;
  streams.err_is_terminal = isatty(STDERR_FILENO) == 1;
  if (streams.out_is_terminal) streams.columns = TerminalColumns();
  vade::cli::Program program;
  return program.Run(std::vector<std::string>(argv + 1, argv + argc), streams);
}
