#include "tests/client/fake_sampler.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/server_builder.h"

namespace vade::client {

namespace api = ::vade::sampler::v1;

namespace {

constexpr int kPromptsOfExportMessage = 2;
constexpr int kStatsOfWatch = 2;

grpc::Status NoSuchRun(const std::string& name) {
  return ErrorWithReason(grpc::StatusCode::NOT_FOUND, "no run " + name,
                         "RUN_NOT_FOUND", {{"run", name}});
}

}  // namespace

grpc::Status ErrorWithReason(
    grpc::StatusCode code, const std::string& message,
    const std::string& reason,
    const std::map<std::string, std::string>& metadata) {
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("vade.sampler.v1");
  info.mutable_metadata()->insert(metadata.begin(), metadata.end());
  google::rpc::Status status;
  status.set_code(code);
  status.set_message(message);
  status.add_details()->PackFrom(info);
  return grpc::Status(code, message, status.SerializeAsString());
}

FakeSampler::FakeSampler() {
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port_);
  builder.RegisterService(static_cast<api::Sampler::Service*>(this));
  builder.RegisterService(
      static_cast<grpc::health::v1::Health::Service*>(this));
  builder.SetMaxReceiveMessageSize(64 << 20);
  server_ = builder.BuildAndStart();
}

FakeSampler::~FakeSampler() {
  {
    std::lock_guard<std::mutex> lock(mu_);
    ending_ = true;
  }
  wake_.notify_all();
  server_->Shutdown();
}

std::string FakeSampler::address() const {
  return absl::StrCat("127.0.0.1:", port_);
}

void FakeSampler::FailNext(const std::string& method, int count,
                           grpc::Status status, bool applied) {
  std::lock_guard<std::mutex> lock(mu_);
  failures_[method] = {count, std::move(status), applied};
}

void FakeSampler::Hang(const std::string& method) {
  std::lock_guard<std::mutex> lock(mu_);
  hanging_[method] = true;
}

void FakeSampler::set_serving(bool serving) {
  std::lock_guard<std::mutex> lock(mu_);
  serving_ = serving;
}

int FakeSampler::calls(const std::string& method) const {
  std::lock_guard<std::mutex> lock(mu_);
  const auto found = calls_.find(method);
  return found == calls_.end() ? 0 : found->second;
}

std::vector<std::string> FakeSampler::request_ids() const {
  std::lock_guard<std::mutex> lock(mu_);
  return request_ids_;
}

std::vector<api::ReportRewardsRequest> FakeSampler::reports() const {
  std::lock_guard<std::mutex> lock(mu_);
  return reports_;
}

std::map<std::string, api::Prompt> FakeSampler::prompts() const {
  std::lock_guard<std::mutex> lock(mu_);
  return prompts_;
}

api::Run FakeSampler::run(const std::string& name) const {
  std::lock_guard<std::mutex> lock(mu_);
  const auto found = runs_.find(name);
  return found == runs_.end() ? api::Run() : found->second;
}

void FakeSampler::AddRun(const api::Run& run) {
  std::lock_guard<std::mutex> lock(mu_);
  runs_[run.name()] = run;
}

void FakeSampler::AddPrompt(const api::Prompt& prompt) {
  std::lock_guard<std::mutex> lock(mu_);
  prompts_[prompt.id()] = prompt;
}

grpc::Status FakeSampler::Serve(const std::string& method, Context* context,
                                const std::function<grpc::Status()>& effect) {
  std::unique_lock<std::mutex> lock(mu_);
  ++calls_[method];
  while (hanging_[method] && !ending_ && !context->IsCancelled()) {
    wake_.wait_for(lock, std::chrono::milliseconds(5));
  }
  Failure& failure = failures_[method];
  const bool fails = failure.count > 0;
  if (fails) --failure.count;
  if (fails && !failure.applied) return failure.status;
  const grpc::Status status = effect();
  return fails ? failure.status : status;
}

grpc::Status FakeSampler::CreateRun(Context* context,
                                    const api::CreateRunRequest* request,
                                    api::Run* run) {
  return Serve("CreateRun", context, [&] {
    const std::string name = "runs/" + request->run_id();
    if (runs_.count(name) > 0) {
      return ErrorWithReason(grpc::StatusCode::ALREADY_EXISTS, name + " exists",
                             "RUN_EXISTS", {{"run", name}});
    }
    *run = request->run();
    run->set_name(name);
    if (run->policy().empty()) run->set_policy("vade");
    if (run->group_size() == 0) run->set_group_size(8);
    run->set_etag("etag-1");
    runs_[name] = *run;
    return grpc::Status::OK;
  });
}

grpc::Status FakeSampler::GetRun(Context* context,
                                 const api::GetRunRequest* request,
                                 api::Run* run) {
  return Serve("GetRun", context, [&] {
    const auto found = runs_.find(request->name());
    if (found == runs_.end()) return NoSuchRun(request->name());
    *run = found->second;
    return grpc::Status::OK;
  });
}

grpc::Status FakeSampler::ListRuns(Context* context,
                                   const api::ListRunsRequest* request,
                                   api::ListRunsResponse* response) {
  // One a page, so that paging shows.
  return Serve("ListRuns", context, [&] {
    auto next = request->page_token().empty()
                    ? runs_.begin()
                    : runs_.lower_bound(request->page_token());
    if (next != runs_.end()) *response->add_runs() = (next++)->second;
    if (next != runs_.end()) response->set_next_page_token(next->first);
    return grpc::Status::OK;
  });
}

grpc::Status FakeSampler::UpdateRun(Context* context,
                                    const api::UpdateRunRequest* request,
                                    api::Run* run) {
  return Serve("UpdateRun", context, [&] {
    api::Run& stored = runs_[request->run().name()];
    if (!request->run().etag().empty() &&
        request->run().etag() != stored.etag()) {
      return ErrorWithReason(grpc::StatusCode::ABORTED, "the run has changed",
                             "ETAG_MISMATCH");
    }
    stored.set_name(request->run().name());
    stored.set_group_size(request->run().group_size());
    stored.set_etag(stored.etag() + "+");
    *run = stored;
    return grpc::Status::OK;
  });
}

grpc::Status FakeSampler::DeleteRun(Context* context,
                                    const api::DeleteRunRequest* request,
                                    google::protobuf::Empty*) {
  return Serve("DeleteRun", context, [&] {
    return runs_.erase(request->name()) > 0 ? grpc::Status::OK
                                            : NoSuchRun(request->name());
  });
}

grpc::Status FakeSampler::ImportPrompts(
    Context* context, grpc::ServerReader<api::ImportPromptsRequest>* reader,
    api::ImportPromptsResponse* response) {
  // Reads outside the lock: the stream may be slow.
  std::vector<api::ImportPromptsRequest> messages;
  for (api::ImportPromptsRequest message; reader->Read(&message);) {
    messages.push_back(message);
  }
  return Serve("ImportPrompts", context, [&] {
    for (const api::ImportPromptsRequest& message : messages) {
      for (const api::Prompt& prompt : message.prompts()) {
        const bool exists = prompts_.count(prompt.id()) > 0;
        if (exists &&
            messages[0].existing_prompts() == api::EXISTING_PROMPTS_FAIL) {
          return ErrorWithReason(grpc::StatusCode::ALREADY_EXISTS,
                                 prompt.id() + " exists", "PROMPT_EXISTS");
        }
        prompts_[prompt.id()] = prompt;
        if (exists) {
          response->set_updated_count(response->updated_count() + 1);
        } else {
          response->set_created_count(response->created_count() + 1);
        }
      }
    }
    return grpc::Status::OK;
  });
}

grpc::Status FakeSampler::ExportPrompts(
    Context* context, const api::ExportPromptsRequest*,
    grpc::ServerWriter<api::ExportPromptsResponse>* writer) {
  return Serve("ExportPrompts", context, [&] {
    api::ExportPromptsResponse message;
    for (const auto& [id, prompt] : prompts_) {
      *message.add_prompts() = prompt;
      if (message.prompts_size() == kPromptsOfExportMessage) {
        writer->Write(message);
        message.Clear();
      }
    }
    if (message.prompts_size() > 0) writer->Write(message);
    return grpc::Status::OK;
  });
}

grpc::Status FakeSampler::GetPrompt(Context* context,
                                    const api::GetPromptRequest* request,
                                    api::Prompt* prompt) {
  return Serve("GetPrompt", context, [&] {
    const size_t start = request->name().find("/prompts/") + 9;
    const auto found = prompts_.find(request->name().substr(start));
    if (found == prompts_.end()) {
      return ErrorWithReason(grpc::StatusCode::NOT_FOUND,
                             "no prompt " + request->name(),
                             "PROMPT_NOT_FOUND");
    }
    *prompt = found->second;
    return grpc::Status::OK;
  });
}

grpc::Status FakeSampler::ListPrompts(Context* context,
                                      const api::ListPromptsRequest* request,
                                      api::ListPromptsResponse* response) {
  return Serve("ListPrompts", context, [&] {
    for (const auto& [id, prompt] : prompts_) {
      if (response->prompts_size() < request->page_size()) {
        *response->add_prompts() = prompt;
      }
    }
    response->set_total_size(prompts_.size());
    return grpc::Status::OK;
  });
}

grpc::Status FakeSampler::SampleBatch(Context* context,
                                      const api::SampleBatchRequest* request,
                                      api::SampleBatchResponse* response) {
  {
    std::lock_guard<std::mutex> lock(mu_);
    request_ids_.push_back(request->request_id());
  }
  return Serve("SampleBatch", context, [&] {
    const auto [batch, is_new] = batch_of_request_.emplace(
        request->request_id(), absl::StrCat("1-", batch_of_request_.size()));
    response->set_batch_id(batch->second);
    response->set_repeated_request(!is_new);
    response->set_group_size(8);
    for (const auto& [id, prompt] : prompts_) {
      if (static_cast<uint32_t>(response->prompts_size()) ==
          request->batch_size()) {
        break;
      }
      api::SampledPrompt& sampled = *response->add_prompts();
      sampled.set_prompt_id(id);
      sampled.set_draw(0.25);
      sampled.set_score(0.25 * 0.75 * 0.75);
      sampled.set_posterior_mean(0.5);
      sampled.set_expected_egr(0.9);
    }
    response->set_batch_size(response->prompts_size());
    return grpc::Status::OK;
  });
}

grpc::Status FakeSampler::GetBatch(Context* context,
                                   const api::GetBatchRequest* request,
                                   api::Batch* batch) {
  return Serve("GetBatch", context, [&] {
    batch->set_name(request->name());
    batch->set_group_size(8);
    return grpc::Status::OK;
  });
}

grpc::Status FakeSampler::ReportRewards(
    Context* context, const api::ReportRewardsRequest* request,
    api::ReportRewardsResponse* response) {
  return Serve("ReportRewards", context, [&] {
    reports_.push_back(*request);
    for (const api::BatchReport& report : request->reports()) {
      for (const api::GroupReport& group : report.groups()) {
        response->set_accepted_count(response->accepted_count() +
                                     group.rewards_size());
      }
    }
    return grpc::Status::OK;
  });
}

grpc::Status FakeSampler::GetRunStats(Context* context,
                                      const api::GetRunStatsRequest* request,
                                      api::RunStats* stats) {
  return Serve("GetRunStats", context, [&] {
    stats->set_run(request->run());
    stats->set_prompt_count(prompts_.size());
    return grpc::Status::OK;
  });
}

grpc::Status FakeSampler::WatchRun(Context* context,
                                   const api::WatchRunRequest* request,
                                   grpc::ServerWriter<api::RunStats>* writer) {
  return Serve("WatchRun", context, [&] {
    for (int i = 0; i < kStatsOfWatch; ++i) {
      api::RunStats stats;
      stats.set_run(request->run());
      stats.set_clock(i);
      writer->Write(stats);
    }
    return grpc::Status::OK;
  });
}

grpc::Status FakeSampler::Check(Context* context,
                                const grpc::health::v1::HealthCheckRequest*,
                                grpc::health::v1::HealthCheckResponse* answer) {
  using grpc::health::v1::HealthCheckResponse;
  return Serve("Check", context, [&] {
    answer->set_status(serving_ ? HealthCheckResponse::SERVING
                                : HealthCheckResponse::NOT_SERVING);
    return grpc::Status::OK;
  });
}

}  // namespace vade::client
