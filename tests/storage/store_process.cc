#include "tests/storage/store_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

extern char** environ;

namespace vade::storage {
namespace {

void Require(bool condition, const char* what) {
  if (condition) return;
  std::perror(what);
  std::abort();
}

}  // namespace

StoreProcess::StoreProcess(const std::string& command, const std::string& path,
                           const std::string& sync) {
  int to_child[2];
  int from_child[2];
  Require(pipe2(to_child, O_CLOEXEC) == 0, "pipe2");
  Require(pipe2(from_child, O_CLOEXEC) == 0, "pipe2");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, to_child[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, from_child[1], STDOUT_FILENO);
  std::string arguments[] = {VADE_STORE_WRITER, command, path, sync};
  char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(),
                  arguments[3].data(), nullptr};
  errno = posix_spawn(&pid_, argv[0], &actions, nullptr, argv, environ);
  Require(errno == 0, "posix_spawn");
  posix_spawn_file_actions_destroy(&actions);
  close(to_child[0]);
  close(from_child[1]);
  input_ = to_child[1];
  output_ = from_child[0];
}

StoreProcess::~StoreProcess() {
  Kill();
  close(input_);
  close(output_);
}

std::string StoreProcess::ReadLine() {
  std::string line;
  char byte;
  while (read(output_, &byte, 1) == 1) {
    if (byte == '\n') return line;
    line += byte;
  }
  return line;
}

void StoreProcess::Kill() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

}  // namespace vade::storage
