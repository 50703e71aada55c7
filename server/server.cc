#include "server/server.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "prometheus/exposer.h"
#include "server/call_context.h"
#include "server/credentials.h"
#include "server/gate.h"
#include "server/metered_store.h"
#include "server/metrics.h"
#include "server/run_figures.h"
#include "server/sampler_service.h"
#include "server/sampling/clock.h"
#include "server/sampling/run_registry.h"
#include "server/sampling/worker_pool.h"
#include "server/ticker.h"
#include "server/watch_timer.h"
#include "storage/mutex.h"

namespace vade::server {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(100);
// Of the grace: how long calls are still taken, to tell them that the server
// drains. gRPC itself ends a call that comes as it shuts down with CANCELLED,
// and a client that repeats at once would get that.
constexpr absl::Duration kLinger = absl::Milliseconds(200);

// How long the last answers may take to be sent once every call has ended.
constexpr absl::Duration kGoodbye = absl::Milliseconds(300);
// Connections of callers that wait long: found dead within about a minute, and
// kept open by callers that ask for it every ten seconds.
constexpr int kKeepaliveMs = 40'000;
constexpr int kKeepaliveTimeoutMs = 20'000;
constexpr int kMinPingIntervalMs = 10'000;

int ThreadsOf(const ServerOptions& options) {
  if (options.threads > 0) return options.threads;
  return std::max(2, static_cast<int>(std::thread::hardware_concurrency()));
}

void SetHealth(grpc::Server& server, bool serving) {
  grpc::HealthCheckServiceInterface* const health =
      server.GetHealthCheckService();
  health->SetServingStatus("", serving);
  health->SetServingStatus(sampler::v1::Sampler::service_full_name(), serving);
}

void Configure(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
  // Two servers on one port would each get some of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
      kMinPingIntervalMs);
}

}  // namespace

struct Server::Parts {
  Parts(const ServerOptions& options, storage::Store& real_store,
        const sampling::Clock& real_clock)
      : clock(real_clock),
        limits(options.limits),
        store(real_store, metrics),
        pool(std::make_unique<sampling::WorkerPool>(ThreadsOf(options))),
        service(CallContext{gate, metrics, *pool, clock, watch_timer}),
        run_collector(std::make_shared<RunCollector>(gate)) {}

  absl::Status Listen(const ServerOptions& options);
  absl::Status Expose(const std::string& address);
  void Load();
  void Tick();
  void Shutdown(absl::Duration grace);
  // Waits for all calls to end: kLinger at least, `grace` at most.
  void AwaitCalls(absl::Duration grace);

  const sampling::Clock& clock;
  const sampling::RunLimits limits;
  Metrics metrics;
  MeteredStore store;
  Gate gate;
  WatchTimer watch_timer;
  std::unique_ptr<sampling::RunRegistry> registry;  // the loader's until Open
  std::unique_ptr<sampling::WorkerPool> pool;
  SamplerService service;
  const std::shared_ptr<RunCollector> run_collector;  // weak in the exposer
  std::unique_ptr<prometheus::Exposer> exposer;
  std::unique_ptr<grpc::Server> grpc_server;
  int port = 0;
  std::unique_ptr<Ticker> ticker;
  std::thread loader;

  mutable Mutex mu;
  mutable CondVar load_ended;
  CondVar never;
  std::optional<absl::StatusOr<LoadSummary>> loaded ABSL_GUARDED_BY(mu);
  // Health never says SERVING again once it is set.
  bool stopping ABSL_GUARDED_BY(mu) = false;
};

absl::Status Server::Parts::Listen(const ServerOptions& options) {
  absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> credentials =
      MakeCredentials(options.tls);
  if (!credentials.ok()) return credentials.status();
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  Configure(builder);
  builder.AddListeningPort(options.address, *credentials, &port);
  builder.RegisterService(&service);
  grpc_server = builder.BuildAndStart();
  if (grpc_server == nullptr || port == 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", options.address,
                     ": it is in use, or not an address of this machine"));
  }
  SetHealth(*grpc_server, false);
  return absl::OkStatus();
}

absl::Status Server::Parts::Expose(const std::string& address) {
  if (address.empty()) return absl::OkStatus();
  // The exposer answers by exceptions; this is its border.
  try {
    exposer = std::make_unique<prometheus::Exposer>(address, 1);
  } catch (const std::exception& error) {
    return absl::UnavailableError(
        absl::StrCat("cannot serve metrics on ", address, ": ", error.what()));
  }
  exposer->RegisterCollectable(metrics.registry());
  exposer->RegisterCollectable(run_collector);
  return absl::OkStatus();
}

void Server::Parts::Load() {
  const auto start = std::chrono::steady_clock::now();
  auto opened = sampling::RunRegistry::Open(store, *pool, clock, limits);
  const absl::Status status = opened.status();
  LoadSummary summary;
  if (status.ok()) {
    registry = *std::move(opened);
    const auto figures = ReadRunFigures(registry->List("", sampling::kMaxRuns),
                                        absl::InfiniteDuration());
    for (const RunFigures& run : figures) summary.prompts += run.prompts;
    summary.runs = figures.size();
  }
  summary.took = absl::FromChrono(std::chrono::steady_clock::now() - start);
  MutexLock lock(mu);
  if (!status.ok()) {
    loaded = status;
  } else {
    loaded = summary;
    gate.Open(*registry);
    if (!stopping) SetHealth(*grpc_server, true);
  }
  load_ended.NotifyAll();
}

void Server::Parts::Tick() {
  absl::StatusOr<sampling::RunRegistry*> known = gate.Registry();
  if (known.ok()) (*known)->Tick();
  watch_timer.Tick(clock.Now());
}

void Server::Parts::AwaitCalls(absl::Duration grace) {
  // Not the server's clock, which may stand still in a test.
  const sampling::SystemClock steady;
  const absl::Time start = steady.Now();
  MutexLock lock(mu);
  while (true) {
    const absl::Duration waited = steady.Now() - start;
    const absl::Duration least =
        metrics.active_calls() > 0 ? grace : std::min(kLinger, grace);
    if (waited >= least) return;
    // Nobody notifies; a few looks a second are soon enough.
    never.WaitFor(mu, std::min(kTick, least - waited));
  }
}

void Server::Parts::Shutdown(absl::Duration grace) {
  if (grpc_server == nullptr) return;
  {
    MutexLock lock(mu);
    stopping = true;
    SetHealth(*grpc_server, false);
  }
  gate.Drain();
  AwaitCalls(grace);
  // What is left is the sending of answers. gRPC would also wait, up to its
  // deadline, for clients that have no call and do not close their connection.
  grpc_server->Shutdown(std::chrono::system_clock::now() +
                        absl::ToChronoMilliseconds(std::min(kGoodbye, grace)));
  // Calls that waited needed it to notice that they are over.
  ticker->Stop();
  exposer.reset();
  loader.join();
  // Before the registry: what is posted still refers to it.
  pool.reset();
  registry.reset();
  grpc_server.reset();
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(
    const ServerOptions& options, storage::Store& store,
    const sampling::Clock& clock) {
  auto parts = std::make_unique<Parts>(options, store, clock);
  absl::Status status = parts->Expose(options.metrics_address);
  if (status.ok()) status = parts->Listen(options);
  if (!status.ok()) {
    parts->grpc_server.reset();
    return status;
  }
  Parts* const running = parts.get();
  parts->ticker =
      std::make_unique<Ticker>(kTick, [running] { running->Tick(); });
  parts->loader = std::thread([running] { running->Load(); });
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

Server::~Server() { parts_->Shutdown(absl::ZeroDuration()); }

int Server::port() const { return parts_->port; }

int Server::metrics_port() const {
  if (parts_->exposer == nullptr) return 0;
  return parts_->exposer->GetListeningPorts().front();
}

const sampling::RunRegistry* Server::registry() const {
  absl::StatusOr<sampling::RunRegistry*> registry = parts_->gate.Registry();
  return registry.ok() ? *registry : nullptr;
}

std::optional<absl::StatusOr<LoadSummary>> Server::loaded() const {
  MutexLock lock(parts_->mu);
  return parts_->loaded;
}

absl::StatusOr<LoadSummary> Server::WaitUntilLoaded() const {
  MutexLock lock(parts_->mu);
  while (!parts_->loaded.has_value()) parts_->load_ended.Wait(parts_->mu);
  return *parts_->loaded;
}

void Server::Shutdown(absl::Duration grace) { parts_->Shutdown(grace); }

}  // namespace vade::server
