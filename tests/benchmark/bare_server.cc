// vade-bare-server: what gRPC's callback API costs when there is nothing to
// do. It answers SampleBatch and ReportRewards with messages of the size of
// vade-server's, made beforehand, and keeps no state at all. It takes
// vade-server's flags for address, data folder (which it ignores) and port
// file, so that the same code starts both.
#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/strings/str_format.h"
#include "grpcpp/ext/health_check_service_server_builder_option.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "vade/sampler/v1/sampler.grpc.pb.h"

namespace vade::benchmarks {
namespace {

namespace api = ::vade::sampler::v1;

api::SampleBatchResponse MakeBatch(uint32_t batch_size) {
  api::SampleBatchResponse response;
  response.set_batch_id("1-123456");
  for (uint32_t i = 0; i < batch_size; ++i) {
    api::SampledPrompt& prompt = *response.add_prompts();
    prompt.set_prompt_id(absl::StrFormat("prompt-%07d", i));
    prompt.set_draw(0.3 + 1e-5 * i);
    prompt.set_score(0.148 - 1e-5 * i);
    prompt.set_posterior_mean(0.4);
    prompt.set_expected_egr(0.7);
  }
  response.set_batch_size(batch_size);
  response.set_group_size(8);
  response.mutable_lease_expire_time()->set_seconds(1'700'000'000);
  response.mutable_lease_expire_time()->set_nanos(123'456'789);
  response.set_clock(1234.5);
  response.set_expected_egr(0.7);
  return response;
}

class BareService : public api::Sampler::CallbackService {
 public:
  grpc::ServerUnaryReactor* SampleBatch(
      grpc::CallbackServerContext* context,
      const api::SampleBatchRequest* request,
      api::SampleBatchResponse* response) override {
    response->CopyFrom(BatchOf(request->batch_size()));
    return Done(context);
  }

  grpc::ServerUnaryReactor* ReportRewards(
      grpc::CallbackServerContext* context,
      const api::ReportRewardsRequest* request,
      api::ReportRewardsResponse* response) override {
    response->set_accepted_count(
        static_cast<uint32_t>(request->reports_size()));
    return Done(context);
  }

 private:
  static grpc::ServerUnaryReactor* Done(grpc::CallbackServerContext* context) {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  // Stays where it is.
  const api::SampleBatchResponse& BatchOf(uint32_t batch_size) {
    const std::lock_guard<std::mutex> lock(mu_);
    auto [place, made] = batches_.try_emplace(batch_size);
    if (made) place->second = MakeBatch(batch_size);
    return place->second;
  }

  std::mutex mu_;
  std::map<uint32_t, api::SampleBatchResponse> batches_;
};

int Main(int argc, char** argv) {
  CLI::App app("A gRPC server that does nothing, to compare with.",
               "vade-bare-server");
  std::string address = "127.0.0.1:0";
  std::string port_file;
  std::string ignored;
  app.add_option("--address", address)->capture_default_str();
  app.add_option("--port-file", port_file);
  app.add_option("--data", ignored);
  CLI11_PARSE(app, argc, argv);
  grpc::EnableDefaultHealthCheckService(true);
  BareService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  builder.SetMaxReceiveMessageSize(-1);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) {
    std::cerr << "vade-bare-server: cannot listen on " << address << "\n";
    return 1;
  }
  server->GetHealthCheckService()->SetServingStatus(true);
  server->GetHealthCheckService()->SetServingStatus("vade.sampler.v1.Sampler",
                                                    true);
  std::ofstream(port_file) << port << "\n";
  server->Wait();
  return 0;
}

}  // namespace
}  // namespace vade::benchmarks

int main(int argc, char** argv) { return vade::benchmarks::Main(argc, argv); }
