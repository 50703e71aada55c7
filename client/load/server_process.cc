#include "client/load/server_process.h"

#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/cpp/client.h"
#include "client/cpp/clock.h"
#include "client/load/connection.h"

namespace vade::load {
namespace {

constexpr absl::Duration kPollInterval = absl::Milliseconds(5);
constexpr size_t kLogTailBytes = 2000;

std::string ReadAll(const std::string& path) {
  std::ifstream input(path);
  return std::string(std::istreambuf_iterator<char>(input), {});
}

}  // namespace

std::vector<std::string> ServerArguments(const ServerProcessOptions& options,
                                         const std::string& listen_address) {
  std::vector<std::string> arguments = {
      options.program, absl::StrCat("--address=", listen_address),
      absl::StrCat("--data=", options.data_folder),
      absl::StrCat("--port-file=", options.port_path)};
  arguments.insert(arguments.end(), options.more_flags.begin(),
                   options.more_flags.end());
  return arguments;
}

absl::StatusOr<std::unique_ptr<ServerProcess>> ServerProcess::Start(
    const ServerProcessOptions& options) {
  std::unique_ptr<ServerProcess> server(new ServerProcess(options));
  absl::Status launched = server->Launch("127.0.0.1:0");
  if (!launched.ok()) return launched;
  return server;
}

absl::Status ServerProcess::Launch(const std::string& listen_address) {
  std::error_code ignored;
  std::filesystem::remove(options_.port_path, ignored);
  absl::StatusOr<std::unique_ptr<ChildProcess>> process = ChildProcess::Start(
      {.arguments = ServerArguments(options_, listen_address),
       .output_path = options_.log_path});
  if (!process.ok()) return process.status();
  process_ = std::move(*process);
  client::Clock& clock = client::SystemClock();
  const absl::Time deadline = clock.Now() + options_.start_timeout;
  absl::Status port = AwaitPort(deadline);
  if (!port.ok()) return port;
  auto connection = ConnectTo(address_);
  if (!connection.ok()) return connection.status();
  absl::Status serving = (*connection)->CheckHealth();
  while (!serving.ok() && clock.Now() < deadline) {
    const std::optional<int> exit_code = process_->Poll();
    if (exit_code.has_value()) return EndedEarly(*exit_code);
    clock.Sleep(kPollInterval);
    serving = (*connection)->CheckHealth();
  }
  return serving;
}

absl::Status ServerProcess::AwaitPort(absl::Time deadline) {
  client::Clock& clock = client::SystemClock();
  for (;;) {
    std::string text = ReadAll(options_.port_path);
    int port = 0;
    if (!text.empty() && text.back() == '\n' && absl::SimpleAtoi(text, &port)) {
      address_ = absl::StrCat("127.0.0.1:", port);
      return absl::OkStatus();
    }
    const std::optional<int> exit_code = process_->Poll();
    if (exit_code.has_value()) return EndedEarly(*exit_code);
    if (clock.Now() >= deadline) {
      return absl::UnavailableError("the server names no port");
    }
    clock.Sleep(kPollInterval);
  }
}

absl::Status ServerProcess::EndedEarly(int exit_code) const {
  const std::string log = ReadAll(options_.log_path);
  const size_t start =
      log.size() > kLogTailBytes ? log.size() - kLogTailBytes : 0;
  return absl::UnavailableError(absl::StrCat(
      "the server ended with exit code ", exit_code, ": ", log.substr(start)));
}

void ServerProcess::Kill() {
  process_->Signal(SIGKILL);
  process_->Wait();
}

int ServerProcess::Terminate() {
  process_->Signal(SIGTERM);
  return process_->Wait();
}

absl::Status ServerProcess::Restart() { return Launch(address_); }

absl::StatusOr<uint64_t> ServerProcess::ResidentBytes() const {
  std::ifstream input(absl::StrCat("/proc/", process_->pid(), "/status"));
  std::string line;
  while (std::getline(input, line)) {
    absl::string_view rest = line;
    if (!absl::ConsumePrefix(&rest, "VmRSS:")) continue;
    const std::vector<std::string> parts =
        absl::StrSplit(rest, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    uint64_t kibibytes = 0;
    if (!parts.empty() && absl::SimpleAtoi(parts[0], &kibibytes)) {
      return kibibytes * 1024;
    }
  }
  return absl::UnavailableError("the server has ended");
}

absl::StatusOr<absl::Duration> ServerProcess::ProcessorTime() const {
  const std::string text =
      ReadAll(absl::StrCat("/proc/", process_->pid(), "/stat"));
  // The name of the program, in brackets, may hold anything. After it come the
  // state, ten numbers, and the ticks in user and in kernel mode.
  const size_t name_end = text.rfind(')');
  if (name_end != std::string::npos) {
    const std::vector<std::string> parts = absl::StrSplit(
        text.substr(name_end + 1), absl::ByChar(' '), absl::SkipEmpty());
    int64_t user = 0;
    int64_t kernel = 0;
    if (parts.size() > 12 && absl::SimpleAtoi(parts[11], &user) &&
        absl::SimpleAtoi(parts[12], &kernel)) {
      return absl::Seconds(static_cast<double>(user + kernel) /
                           static_cast<double>(sysconf(_SC_CLK_TCK)));
    }
  }
  return absl::UnavailableError("the server has ended");
}

}  // namespace vade::load
