// Server: the whole service around one store: loads the runs in the background,
// answers the RPCs, keeps the time of leases, and drains. main.cc makes one,
// and so do tests, in their own process.
//
// Owned by its maker. Thread-safe, except that Shutdown comes once.
#ifndef VADE_SERVER_SERVER_H_
#define VADE_SERVER_SERVER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/sampling/clock.h"
#include "server/sampling/limits.h"
#include "server/sampling/run_registry.h"
#include "storage/store.h"

namespace vade::server {

// Largest request, in bytes: a message of an import, and what is around it.
inline constexpr int kMaxRequestBytes = 20 << 20;

struct TlsOptions {
  // PEM files, read again when they change. Empty: no TLS.
  std::string cert_file;
  std::string key_file;
  // If set, clients must show a certificate that one of these signed.
  std::string client_ca_file;
  // How often the files are looked at; whole seconds, at least one. No flag
  // sets it; tests do not want to wait as long.
  absl::Duration refresh_interval = absl::Seconds(10);
};

struct ServerOptions {
  // host:port; port 0 takes a free one.
  std::string address = "127.0.0.1:0";
  // Workers of the engine; 0: as many as the machine has processors, at least
  // two.
  int threads = 0;
  // Where Prometheus may scrape, host:port; empty: nowhere.
  std::string metrics_address;
  TlsOptions tls;
  // No flag sets these: a server has the defaults, tests set less.
  sampling::RunLimits limits;
};

// What was loaded.
struct LoadSummary {
  uint64_t runs = 0;
  uint64_t prompts = 0;
  absl::Duration took;
};

class Server {
 public:
  // Returns once the port is bound; runs are still being loaded then.
  // `store` and `clock` outlive the server. UNAVAILABLE: the address or the
  // metrics' address cannot be had. INVALID_ARGUMENT: TLS files.
  static absl::StatusOr<std::unique_ptr<Server>> Start(
      const ServerOptions& options, storage::Store& store,
      const sampling::Clock& clock);

  // As Shutdown(0) if that did not come before.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  int port() const;
  // Where metrics are served; 0 if they are not.
  int metrics_port() const;

  // The runs, for those in the same process; null until they are loaded.
  const sampling::RunRegistry* registry() const;

  // What loading came to; nullopt while it goes on. The errors are those of
  // RunRegistry::Open.
  std::optional<absl::StatusOr<LoadSummary>> loaded() const;
  // Waits for it.
  absl::StatusOr<LoadSummary> WaitUntilLoaded() const;

  // Health says NOT_SERVING, new calls and calls that wait are answered
  // UNAVAILABLE (SERVER_DRAINING), streams end; calls in progress have `grace`
  // to end and are cancelled then. Returns when nothing uses the store any
  // more.
  void Shutdown(absl::Duration grace);

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);

  const std::unique_ptr<Parts> parts_;
};

}  // namespace vade::server

#endif  // VADE_SERVER_SERVER_H_
