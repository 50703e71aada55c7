// FakeSampler: a server in this process that answers a little of the API and
// fails on command, before or after a call has taken effect. It shows what a
// client does when answers are lost; it is no model of the real server.
#ifndef VADE_TESTS_CLIENT_FAKE_SAMPLER_H_
#define VADE_TESTS_CLIENT_FAKE_SAMPLER_H_

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/server.h"
#include "vade/sampler/v1/sampler.grpc.pb.h"

namespace vade::client {

// An error with the ErrorInfo that the real server sends.
grpc::Status ErrorWithReason(
    grpc::StatusCode code, const std::string& message,
    const std::string& reason,
    const std::map<std::string, std::string>& metadata = {});

// Listens on a free port of the loopback for as long as it lives.
// Thread-safe.
class FakeSampler final : public sampler::v1::Sampler::Service,
                          public grpc::health::v1::Health::Service {
 public:
  FakeSampler();
  ~FakeSampler() override;

  std::string address() const;

  // The next `count` calls of `method` fail with `status`; if `applied`, after
  // they have taken effect, so that it is the answer that is lost.
  void FailNext(const std::string& method, int count, grpc::Status status,
                bool applied = false);
  // Calls of `method` block from now on until they are cancelled or the fake
  // ends.
  void Hang(const std::string& method);
  void set_serving(bool serving);

  int calls(const std::string& method) const;
  // The request ids of all calls of SampleBatch, in order.
  std::vector<std::string> request_ids() const;
  std::vector<sampler::v1::ReportRewardsRequest> reports() const;
  std::map<std::string, sampler::v1::Prompt> prompts() const;
  sampler::v1::Run run(const std::string& name) const;
  void AddRun(const sampler::v1::Run& run);
  // What GetPrompt, ListPrompts and ExportPrompts have beside the imported.
  void AddPrompt(const sampler::v1::Prompt& prompt);

 private:
  using Context = grpc::ServerContext;

  // Counts the call, runs `effect` unless a failure comes before it, and
  // returns what the script says.
  grpc::Status Serve(const std::string& method, Context* context,
                     const std::function<grpc::Status()>& effect);

  grpc::Status CreateRun(Context*, const sampler::v1::CreateRunRequest*,
                         sampler::v1::Run*) override;
  grpc::Status GetRun(Context*, const sampler::v1::GetRunRequest*,
                      sampler::v1::Run*) override;
  grpc::Status ListRuns(Context*, const sampler::v1::ListRunsRequest*,
                        sampler::v1::ListRunsResponse*) override;
  grpc::Status UpdateRun(Context*, const sampler::v1::UpdateRunRequest*,
                         sampler::v1::Run*) override;
  grpc::Status DeleteRun(Context*, const sampler::v1::DeleteRunRequest*,
                         google::protobuf::Empty*) override;
  grpc::Status ImportPrompts(
      Context*, grpc::ServerReader<sampler::v1::ImportPromptsRequest>*,
      sampler::v1::ImportPromptsResponse*) override;
  grpc::Status ExportPrompts(
      Context*, const sampler::v1::ExportPromptsRequest*,
      grpc::ServerWriter<sampler::v1::ExportPromptsResponse>*) override;
  grpc::Status GetPrompt(Context*, const sampler::v1::GetPromptRequest*,
                         sampler::v1::Prompt*) override;
  grpc::Status ListPrompts(Context*, const sampler::v1::ListPromptsRequest*,
                           sampler::v1::ListPromptsResponse*) override;
  grpc::Status SampleBatch(Context*, const sampler::v1::SampleBatchRequest*,
                           sampler::v1::SampleBatchResponse*) override;
  grpc::Status GetBatch(Context*, const sampler::v1::GetBatchRequest*,
                        sampler::v1::Batch*) override;
  grpc::Status ReportRewards(Context*, const sampler::v1::ReportRewardsRequest*,
                             sampler::v1::ReportRewardsResponse*) override;
  grpc::Status GetRunStats(Context*, const sampler::v1::GetRunStatsRequest*,
                           sampler::v1::RunStats*) override;
  grpc::Status WatchRun(Context*, const sampler::v1::WatchRunRequest*,
                        grpc::ServerWriter<sampler::v1::RunStats>*) override;
  grpc::Status Check(Context*, const grpc::health::v1::HealthCheckRequest*,
                     grpc::health::v1::HealthCheckResponse*) override;

  struct Failure {
    int count = 0;
    grpc::Status status;
    bool applied = false;
  };

  // All below are guarded by mu_, but server_ and port_, which are constant
  // after construction.
  mutable std::mutex mu_;
  std::condition_variable wake_;
  bool ending_ = false;
  bool serving_ = true;
  std::map<std::string, Failure> failures_;
  std::map<std::string, bool> hanging_;
  std::map<std::string, int> calls_;
  std::vector<std::string> request_ids_;
  std::map<std::string, std::string> batch_of_request_;
  std::vector<sampler::v1::ReportRewardsRequest> reports_;
  std::map<std::string, sampler::v1::Run> runs_;
  std::map<std::string, sampler::v1::Prompt> prompts_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace vade::client

#endif  // VADE_TESTS_CLIENT_FAKE_SAMPLER_H_
