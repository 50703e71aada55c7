#include "client/load/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace vade::load {
namespace {

constexpr size_t kMaxLineBytes = 1 << 20;

// The four ends of two channels and the output file; closes what it still
// holds.
struct Descriptors {
  int child_input = -1;
  int our_input = -1;
  int our_output = -1;
  int child_output = -1;
  int log = -1;

  ~Descriptors() {
    for (const int fd :
         {child_input, our_input, our_output, child_output, log}) {
      if (fd >= 0) ::close(fd);
    }
  }
};

absl::Status SystemError(const std::string& what) {
  return absl::UnavailableError(
      absl::StrCat("cannot ", what, ": ", std::strerror(errno)));
}

absl::Status OpenDescriptors(const ProcessOptions& options, Descriptors& fds) {
  if (options.with_pipes) {
    std::array<int, 2> ends{};
    // A socket: a write to a child that is gone is an error, not a SIGPIPE.
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) !=
        0) {
      return SystemError("make a socket");
    }
    fds.child_input = ends[0];
    fds.our_input = ends[1];
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return SystemError("make a pipe");
    fds.our_output = ends[0];
    fds.child_output = ends[1];
  }
  if (!options.output_path.empty()) {
    fds.log = ::open(options.output_path.c_str(),
                     O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fds.log < 0) return SystemError("open " + options.output_path);
  }
  return absl::OkStatus();
}

// Runs in the child, between fork and exec: async-signal-safe calls only.
[[noreturn]] void BecomeProgram(char* const* arguments,
                                const Descriptors& fds) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (fds.log >= 0) {
    ::dup2(fds.log, STDOUT_FILENO);
    ::dup2(fds.log, STDERR_FILENO);
  }
  if (fds.child_input >= 0) ::dup2(fds.child_input, STDIN_FILENO);
  if (fds.child_output >= 0) ::dup2(fds.child_output, STDOUT_FILENO);
  ::execv(arguments[0], arguments);
  ::_exit(127);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(
    const ProcessOptions& options) {
  Descriptors fds;
  absl::Status opened = OpenDescriptors(options, fds);
  if (!opened.ok()) return opened;
  std::vector<std::string> arguments = options.arguments;
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) return SystemError("start " + arguments[0]);
  if (pid == 0) BecomeProgram(pointers.data(), fds);
  auto child = std::unique_ptr<ChildProcess>(
      new ChildProcess(pid, fds.our_input, fds.our_output));
  fds.our_input = -1;
  fds.our_output = -1;
  return child;
}

ChildProcess::~ChildProcess() {
  Signal(SIGKILL);
  Wait();
  CloseInput();
  if (output_ >= 0) ::close(output_);
}

void ChildProcess::Signal(int signal) {
  if (!Poll().has_value()) ::kill(pid_, signal);
}

std::optional<int> ChildProcess::Reap(int wait_options) {
  int status = 0;
  pid_t reaped = -1;
  while (!exit_code_.has_value()) {
    reaped = ::waitpid(pid_, &status, wait_options);
    if (reaped == 0) return std::nullopt;
    if (reaped < 0 && errno == EINTR) continue;
    exit_code_ =
        WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  return exit_code_;
}

int ChildProcess::Wait() { return *Reap(0); }

std::optional<int> ChildProcess::Poll() { return Reap(WNOHANG); }

absl::Status ChildProcess::WriteLine(const std::string& line) {
  const std::string text = line + "\n";
  size_t written = 0;
  while (written < text.size()) {
    const ssize_t n = ::send(input_, text.data() + written,
                             text.size() - written, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError(absl::StrCat("write to process ", pid_));
    written += static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ChildProcess::ReadLine() {
  std::array<char, 4096> block{};
  for (;;) {
    const size_t end = buffered_.find('\n');
    if (end != std::string::npos) {
      std::string line = buffered_.substr(0, end);
      buffered_.erase(0, end + 1);
      return line;
    }
    if (buffered_.size() > kMaxLineBytes) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "process ", pid_, " wrote a line over ", kMaxLineBytes, " bytes"));
    }
    const ssize_t n = ::read(output_, block.data(), block.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError(absl::StrCat("read from process ", pid_));
    if (n == 0) {
      return absl::UnavailableError(
          absl::StrCat("process ", pid_, " has closed its output"));
    }
    buffered_.append(block.data(), static_cast<size_t>(n));
  }
}

void ChildProcess::CloseInput() {
  if (input_ >= 0) ::close(input_);
  input_ = -1;
}

std::string OwnPath() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).string();
}

std::string SiblingPath(const std::string& name) {
  return (std::filesystem::path(OwnPath()).parent_path() / name).string();
}

}  // namespace vade::load
