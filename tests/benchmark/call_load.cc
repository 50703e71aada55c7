#include "tests/benchmark/call_load.h"

#include <algorithm>

#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

namespace vade::benchmarks {

LoadFigures FiguresOf(std::vector<double> milliseconds, double seconds) {
  std::sort(milliseconds.begin(), milliseconds.end());
  LoadFigures figures;
  figures.calls = static_cast<double>(milliseconds.size());
  figures.seconds = std::max(seconds, 1e-9);
  figures.milliseconds = std::move(milliseconds);
  return figures;
}

Connections::Connections(const std::string& address, int count) {
  for (int i = 0; i < count; ++i) {
    grpc::ChannelArguments arguments;
    // Channels of equal arguments would share one connection.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetMaxReceiveMessageSize(-1);
    stubs_.push_back(api::Sampler::NewStub(grpc::CreateCustomChannel(
        address, grpc::InsecureChannelCredentials(), arguments)));
  }
}

}  // namespace vade::benchmarks
