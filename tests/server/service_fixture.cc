#include "tests/server/service_fixture.h"

#include <thread>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/create_channel.h"
#include "server/sampling/run_queue.h"
#include "server/status_mapping.h"

namespace vade::server {
namespace {

google::rpc::ErrorInfo InfoOf(const grpc::Status& status) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  if (status.error_details().empty()) return info;
  REQUIRE(details.ParseFromString(status.error_details()));
  CHECK(details.code() == status.error_code());
  CHECK(details.message() == status.error_message());
  REQUIRE(details.details_size() == 1);
  REQUIRE(details.details(0).UnpackTo(&info));
  CHECK(info.domain() == kErrorDomain);
  return info;
}

}  // namespace

void SetTimeout(grpc::ClientContext& context, absl::Duration timeout) {
  context.set_deadline(std::chrono::system_clock::now() +
                       absl::ToChronoMilliseconds(timeout));
}

std::string ReasonOf(const grpc::Status& status) {
  if (status.ok()) return "";
  const google::rpc::ErrorInfo info = InfoOf(status);
  if (!info.reason().empty()) return info.reason();
  return absl::StrCat("code ", status.error_code(), ": ",
                      status.error_message());
}

std::string MetadataOf(const grpc::Status& status, const std::string& key) {
  const google::rpc::ErrorInfo info = InfoOf(status);
  const auto found = info.metadata().find(key);
  return found == info.metadata().end() ? "(none)" : found->second;
}

ServiceFixture::ServiceFixture(ServerOptions options, bool wait)
    : options_(std::move(options)) {
  Start(wait);
}

void ServiceFixture::Start(bool wait) {
  auto server = Server::Start(options_, store_, clock_);
  REQUIRE(server.ok());
  server_ = *std::move(server);
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  // A channel of its own: others' connections are not shared.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  channel_ =
      grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", server_->port()),
                                grpc::InsecureChannelCredentials(), arguments);
  stub_ = api::Sampler::NewStub(channel_);
  if (wait) REQUIRE(server_->WaitUntilLoaded().ok());
}

void ServiceFixture::Restart() {
  server_.reset();
  Start(true);
}

api::Run ServiceFixture::CreateRun(const std::string& run_id) {
  api::CreateRunRequest request;
  request.set_run_id(run_id);
  request.mutable_run()->set_seed(1);
  auto outcome = Call(&api::Sampler::Stub::CreateRun, request);
  REQUIRE(ReasonOf(outcome.status) == "");
  return outcome.response;
}

api::ImportPromptsResponse ServiceFixture::Import(const std::string& run_id,
                                                  int count) {
  std::vector<std::string> ids;
  for (int i = 0; i < count; ++i) ids.push_back(absl::StrCat("p", i));
  auto outcome = ImportMessages({ImportRequestOf(run_id, ids)});
  REQUIRE(ReasonOf(outcome.status) == "");
  return outcome.response;
}

api::SampleBatchResponse ServiceFixture::Sample(const std::string& run_id,
                                                uint32_t size,
                                                const std::string& request_id) {
  api::SampleBatchRequest request = SampleRequestOf(run_id, size);
  request.set_request_id(request_id);
  auto outcome = TrySample(request);
  REQUIRE(ReasonOf(outcome.status) == "");
  return outcome.response;
}

api::RunStats ServiceFixture::Stats(const std::string& run_id) {
  api::GetRunStatsRequest request;
  request.set_run(RunNameOf(run_id));
  auto outcome = Call(&api::Sampler::Stub::GetRunStats, request);
  REQUIRE(ReasonOf(outcome.status) == "");
  return outcome.response;
}

Outcome<api::ImportPromptsResponse> ServiceFixture::ImportMessages(
    const std::vector<api::ImportPromptsRequest>& messages) {
  grpc::ClientContext context;
  SetTimeout(context);
  Outcome<api::ImportPromptsResponse> outcome;
  auto writer = stub_->ImportPrompts(&context, &outcome.response);
  for (const api::ImportPromptsRequest& message : messages) {
    if (!writer->Write(message)) break;
  }
  writer->WritesDone();
  outcome.status = writer->Finish();
  return outcome;
}

Outcome<api::SampleBatchResponse> ServiceFixture::TrySample(
    const api::SampleBatchRequest& request) {
  return Call(&api::Sampler::Stub::SampleBatch, request);
}

Outcome<api::ReportRewardsResponse> ServiceFixture::Report(
    const std::string& run_id, const std::string& batch_id,
    const std::vector<api::GroupReport>& groups) {
  api::ReportRewardsRequest request;
  request.set_run(RunNameOf(run_id));
  api::BatchReport& report = *request.add_reports();
  report.set_batch_id(batch_id);
  for (const api::GroupReport& group : groups) *report.add_groups() = group;
  return Call(&api::Sampler::Stub::ReportRewards, request);
}

void ServiceFixture::WaitForWaitingCalls(const std::string& run_id,
                                         uint64_t count) {
  const auto run = server_->registry()->Find(run_id);
  REQUIRE(run != nullptr);
  while (run->counts().waiting != count) std::this_thread::yield();
}

std::string RunNameOf(const std::string& run_id) {
  return absl::StrCat("runs/", run_id);
}

api::SampleBatchRequest SampleRequestOf(const std::string& run_id,
                                        uint32_t size) {
  api::SampleBatchRequest request;
  request.set_run(RunNameOf(run_id));
  request.set_batch_size(size);
  return request;
}

api::ImportPromptsRequest ImportRequestOf(const std::string& run_id,
                                          const std::vector<std::string>& ids) {
  api::ImportPromptsRequest request;
  request.set_run(RunNameOf(run_id));
  for (const std::string& id : ids) {
    api::Prompt& prompt = *request.add_prompts();
    prompt.set_id(id);
    prompt.set_payload(absl::StrCat("payload of ", id));
  }
  return request;
}

api::GroupReport GroupOf(const std::string& prompt_id,
                         const std::vector<double>& rewards) {
  api::GroupReport group;
  group.set_prompt_id(prompt_id);
  for (const double reward : rewards) group.add_rewards(reward);
  return group;
}

}  // namespace vade::server
