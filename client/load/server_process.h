// A vade-server of our own on a free port of the loopback: started, waited
// for, killed, started again on the same folder and port.
#ifndef VADE_CLIENT_LOAD_SERVER_PROCESS_H_
#define VADE_CLIENT_LOAD_SERVER_PROCESS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/load/process.h"

namespace vade::load {

struct ServerProcessOptions {
  // Path of vade-server.
  std::string program;
  std::string data_folder;
  // Where the server's own output goes, and where it leaves its port.
  std::string log_path;
  std::string port_path;
  std::vector<std::string> more_flags;
  absl::Duration start_timeout = absl::Seconds(60);
};

// Thread-compatible. The thread that starts it must outlive it (process.h).
class ServerProcess {
 public:
  // Starts the server and waits until it serves. UNAVAILABLE: it ended before,
  // or does not serve within the timeout; the text has the end of its log.
  static absl::StatusOr<std::unique_ptr<ServerProcess>> Start(
      const ServerProcessOptions& options);

  // 127.0.0.1:port, the same over restarts.
  const std::string& address() const { return address_; }

  // SIGKILL, and waits for its end.
  void Kill();
  // SIGTERM, and waits for its end: its exit code.
  int Terminate();
  // After its end: starts it again and waits until it serves. Errors as Start.
  absl::Status Restart();

  // Memory it holds. UNAVAILABLE: it has ended.
  absl::StatusOr<uint64_t> ResidentBytes() const;
  // Processor time that it has used since its start, all threads together, to
  // the hundredth of a second. UNAVAILABLE: it has ended.
  absl::StatusOr<absl::Duration> ProcessorTime() const;

 private:
  explicit ServerProcess(const ServerProcessOptions& options)
      : options_(options) {}
  absl::Status Launch(const std::string& listen_address);
  absl::Status AwaitPort(absl::Time deadline);
  absl::Status EndedEarly(int exit_code) const;

  const ServerProcessOptions options_;
  std::string address_;
  std::unique_ptr<ChildProcess> process_;
};

// The command line of such a server, for tests that run it themselves.
std::vector<std::string> ServerArguments(const ServerProcessOptions& options,
                                         const std::string& listen_address);

}  // namespace vade::load

#endif  // VADE_CLIENT_LOAD_SERVER_PROCESS_H_
