// Every error reason of the API, provoked by a caller. The enum is walked, so a
// new reason without a case here fails.
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/time_util.h"
#include "grpcpp/create_channel.h"
#include "server/status_mapping.h"
#include "storage/keys.h"
#include "tests/server/held_store.h"
#include "tests/server/service_fixture.h"
#include "tests/storage/sealed.h"
#include "vade/sampler/v1/errors.pb.h"

namespace vade::server {
namespace {

using Stub = api::Sampler::Stub;
using google::protobuf::util::TimeUtil;

grpc::Status UpdateMask(const std::string& path) {
  ServiceFixture service;
  service.CreateRun("r");
  api::UpdateRunRequest request;
  request.mutable_run()->set_name("runs/r");
  request.mutable_update_mask()->add_paths(path);
  return service.Call(&Stub::UpdateRun, request).status;
}

grpc::Status BadPageToken() {
  ServiceFixture service;
  api::ListRunsRequest request;
  request.set_page_token("not a token");
  return service.Call(&Stub::ListRuns, request).status;
}

grpc::Status ReusedRequestId() {
  ServiceFixture service;
  service.CreateRun("r");
  service.Import("r", 4);
  service.Sample("r", 1, "step-1");
  api::SampleBatchRequest request = SampleRequestOf("r", 2);
  request.set_request_id("step-1");
  return service.TrySample(request).status;
}

// Reports `group`, changed by `change`, of the one prompt of a batch.
grpc::Status ReportOne(const std::function<void(api::GroupReport&)>& change) {
  ServiceFixture service;
  service.CreateRun("r");
  service.Import("r", 1);
  const api::SampleBatchResponse batch = service.Sample("r", 1);
  api::GroupReport group = GroupOf("p0", {});
  change(group);
  return service.Report("r", batch.batch_id(), {group}).status;
}

grpc::Status RewardOutOfRule() {
  return ReportOne([](api::GroupReport& group) { group.add_rewards(1.5); });
}

grpc::Status IndexOutOfRange() {
  return ReportOne([](api::GroupReport& group) {
    group.add_rewards(1);
    group.add_rollout_indexes(8);
  });
}

grpc::Status TooManyRollouts() {
  return ReportOne([](api::GroupReport& group) {
    for (int i = 0; i < 1025; ++i) group.add_rewards(1);
  });
}

grpc::Status RunNotFound() {
  ServiceFixture service;
  api::GetRunRequest request;
  request.set_name("runs/absent");
  return service.Call(&Stub::GetRun, request).status;
}

grpc::Status PromptNotFound() {
  ServiceFixture service;
  service.CreateRun("r");
  api::GetPromptRequest request;
  request.set_name("runs/r/prompts/absent");
  return service.Call(&Stub::GetPrompt, request).status;
}

grpc::Status GetBatchNamed(const std::string& batch_id) {
  ServiceFixture service;
  service.CreateRun("r");
  api::GetBatchRequest request;
  request.set_name(absl::StrCat("runs/r/batches/", batch_id));
  return service.Call(&Stub::GetBatch, request).status;
}

grpc::Status PromptNotInBatch() {
  return ReportOne(
      [](api::GroupReport& group) { group.set_prompt_id("another"); });
}

grpc::Status RunExists() {
  ServiceFixture service;
  service.CreateRun("r");
  api::CreateRunRequest request;
  request.set_run_id("r");
  return service.Call(&Stub::CreateRun, request).status;
}

grpc::Status PromptExists() {
  ServiceFixture service;
  service.CreateRun("r");
  service.Import("r", 1);
  api::ImportPromptsRequest request = ImportRequestOf("r", {"p0"});
  request.set_existing_prompts(api::EXISTING_PROMPTS_FAIL);
  return service.ImportMessages({request}).status;
}

grpc::Status SampleTooMany(bool some_in_flight) {
  ServiceFixture service;
  service.CreateRun("r");
  service.Import("r", 3);
  if (some_in_flight) service.Sample("r", 2);
  return service.TrySample(SampleRequestOf("r", some_in_flight ? 2 : 4)).status;
}

grpc::Status RenewReleased() {
  ServiceFixture service;
  service.CreateRun("r");
  service.Import("r", 1);
  const std::string batch =
      absl::StrCat("runs/r/batches/", service.Sample("r", 1).batch_id());
  api::ReleaseBatchRequest release;
  release.set_name(batch);
  REQUIRE(service.Call(&Stub::ReleaseBatch, release).status.ok());
  api::RenewBatchRequest renew;
  renew.set_name(batch);
  return service.Call(&Stub::RenewBatch, renew).status;
}

grpc::Status BatchOfOtherEpoch() {
  ServiceFixture service;
  service.CreateRun("first");
  service.Import("first", 1);
  const std::string batch = service.Sample("first", 1).batch_id();
  service.CreateRun("second");
  service.Import("second", 1);
  service.Sample("second", 1);
  return service.Report("second", batch, {GroupOf("p0", {1})}).status;
}

// Changes a byte of the record that `key` names.
void Damage(simulation::MapStore& disk, const std::string& key, size_t byte) {
  auto value = disk.Get(key);
  REQUIRE(value.ok());
  REQUIRE(value->has_value());
  std::string bytes = **value;
  bytes[byte] = static_cast<char>(bytes[byte] + 100);
  storage::Mutation mutation;
  mutation.Put(key, bytes);
  REQUIRE(disk.Write(mutation).ok());
}

grpc::Status CorruptPayload() {
  ServiceFixture service;
  service.CreateRun("r");
  service.Import("r", 1);
  Damage(service.disk(), storage::PayloadKey(1, 0), 3);
  api::GetPromptRequest request;
  request.set_name("runs/r/prompts/p0");
  request.set_include_payload(true);
  return service.Call(&Stub::GetPrompt, request).status;
}

// Puts an intact record of a version to come in the place of `key`.
void MakeNewer(simulation::MapStore& disk, const std::string& key) {
  storage::Mutation mutation;
  mutation.Put(key, storage::Sealed(key, "\x64 unknown fields"));
  REQUIRE(disk.Write(mutation).ok());
}

// Payloads alone are read from the store while the server serves.
grpc::Status NewerPayload() {
  ServiceFixture service;
  service.CreateRun("r");
  service.Import("r", 1);
  MakeNewer(service.disk(), storage::PayloadKey(1, 0));
  api::GetPromptRequest request;
  request.set_name("runs/r/prompts/p0");
  request.set_include_payload(true);
  return service.Call(&Stub::GetPrompt, request).status;
}

grpc::Status WrongEtag() {
  ServiceFixture service;
  service.CreateRun("r");
  api::DeleteRunRequest request;
  request.set_name("runs/r");
  request.set_etag("17");
  return service.Call(&Stub::DeleteRun, request).status;
}

grpc::Status PayloadsTooLarge() {
  ServiceFixture service;
  service.CreateRun("r");
  std::vector<api::ImportPromptsRequest> messages;
  for (int i = 0; i < 65; ++i) {
    messages.push_back(ImportRequestOf("r", {absl::StrCat("p", i)}));
    messages.back().mutable_prompts(0)->set_payload(
        std::string(size_t{1} << 20, 'x'));
  }
  REQUIRE(service.ImportMessages(messages).status.ok());
  api::SampleBatchRequest request = SampleRequestOf("r", 65);
  request.set_include_payloads(true);
  return service.TrySample(request).status;
}

grpc::Status TooManyRuns() {
  ServiceFixture service;
  for (int i = 0; i < 1000; ++i) service.CreateRun(absl::StrCat("r", i));
  api::CreateRunRequest request;
  request.set_run_id("one-more");
  return service.Call(&Stub::CreateRun, request).status;
}

// Limits count for runs that were loaded as for those just made: the server
// restarts before the call that is one too many.
ServerOptions Limited(const sampling::RunLimits& limits) {
  ServerOptions options;
  options.limits = limits;
  return options;
}

grpc::Status TooManyPrompts() {
  ServiceFixture service(Limited({.prompts = 2}));
  service.CreateRun("r");
  service.Import("r", 2);
  service.Restart();
  return service.ImportMessages({ImportRequestOf("r", {"one-more"})}).status;
}

grpc::Status TooManyBatches() {
  ServiceFixture service(Limited({.batches = 2}));
  service.CreateRun("r");
  service.Import("r", 3);
  service.Sample("r", 1);
  service.Sample("r", 1);
  service.Restart();
  return service.TrySample(SampleRequestOf("r", 1)).status;
}

// One call waits for a prompt, and no other may.
grpc::Status Overloaded() {
  ServiceFixture service(Limited({.waiting_calls = 1}));
  service.CreateRun("r");
  service.Import("r", 1);
  service.Restart();
  const std::string batch = service.Sample("r", 1).batch_id();
  api::SampleBatchRequest patient = SampleRequestOf("r", 1);
  *patient.mutable_max_wait() = TimeUtil::SecondsToDuration(600);
  grpc::Status first;
  std::thread waiter([&] { first = service.TrySample(patient).status; });
  service.WaitForWaitingCalls("r", 1);
  const grpc::Status second = service.TrySample(patient).status;
  api::ReleaseBatchRequest release;
  release.set_name(absl::StrCat("runs/r/batches/", batch));
  const grpc::Status released =
      service.Call(&Stub::ReleaseBatch, release).status;
  waiter.join();
  CHECK(ReasonOf(released) == "");
  CHECK(ReasonOf(first) == "");
  return second;
}

grpc::Status Loading() {
  simulation::ManualClock clock;
  HeldStore disk;
  auto server = Server::Start({}, disk, clock);
  REQUIRE(server.ok());
  auto stub =
      Stub(grpc::CreateChannel(absl::StrCat("127.0.0.1:", (*server)->port()),
                               grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  SetTimeout(context);
  api::GetRunRequest request;
  request.set_name("runs/r");
  api::Run run;
  const grpc::Status status = stub.GetRun(&context, request, &run);
  disk.Release();
  return status;
}

grpc::Status DrainingServer() {
  ServiceFixture service;
  service.CreateRun("r");
  service.Import("r", 1);
  service.Sample("r", 1);
  grpc::Status status;
  std::thread waiter([&] {
    api::SampleBatchRequest request = SampleRequestOf("r", 1);
    *request.mutable_max_wait() = TimeUtil::SecondsToDuration(600);
    status = service.TrySample(request).status;
  });
  service.WaitForWaitingCalls("r", 1);
  service.server().Shutdown(absl::Seconds(20));
  waiter.join();
  return status;
}

grpc::Status FailedWrite() {
  ServiceFixture service;
  service.CreateRun("r");
  service.store().FailWrite(1, storage::FailedWrite::kAbsent);
  return service.ImportMessages({ImportRequestOf("r", {"p0"})}).status;
}

struct Case {
  grpc::StatusCode code;
  std::function<grpc::Status()> provoke;
  // Keys of the metadata that the reason promises.
  std::vector<std::string> metadata;
};

const std::map<std::string, Case>& Cases() {
  static const std::map<std::string, Case> cases = {
      {"INVALID_FIELD",
       {grpc::INVALID_ARGUMENT,
        [] { return UpdateMask("no_such_field"); },
        {"field", "value", "rule"}}},
      {"FIELD_IMMUTABLE",
       {grpc::INVALID_ARGUMENT, [] { return UpdateMask("seed"); }, {"field"}}},
      {"INVALID_PAGE_TOKEN", {grpc::INVALID_ARGUMENT, BadPageToken, {}}},
      {"REQUEST_ID_REUSED",
       {grpc::INVALID_ARGUMENT, ReusedRequestId, {"request_id", "batch"}}},
      {"REWARD_OUT_OF_RULE",
       {grpc::INVALID_ARGUMENT, RewardOutOfRule, {"field", "value", "rule"}}},
      {"ROLLOUT_INDEX_OUT_OF_RANGE",
       {grpc::INVALID_ARGUMENT,
        IndexOutOfRange,
        {"field", "value", "group_size"}}},
      {"TOO_MANY_ROLLOUTS",
       {grpc::INVALID_ARGUMENT, TooManyRollouts, {"value", "rule"}}},
      {"RUN_NOT_FOUND", {grpc::NOT_FOUND, RunNotFound, {"run"}}},
      {"PROMPT_NOT_FOUND", {grpc::NOT_FOUND, PromptNotFound, {"prompt"}}},
      {"BATCH_NOT_FOUND",
       {grpc::NOT_FOUND, [] { return GetBatchNamed("1-1"); }, {"batch"}}},
      {"PROMPT_NOT_IN_BATCH", {grpc::NOT_FOUND, PromptNotInBatch, {"prompt"}}},
      {"RUN_EXISTS", {grpc::ALREADY_EXISTS, RunExists, {"run"}}},
      {"PROMPT_EXISTS", {grpc::ALREADY_EXISTS, PromptExists, {"prompt"}}},
      {"POOL_TOO_SMALL",
       {grpc::FAILED_PRECONDITION,
        [] { return SampleTooMany(false); },
        {"wanted", "total", "disabled", "filtered_out", "in_flight",
         "cooling_down", "eligible"}}},
      {"BATCH_NOT_IN_FLIGHT",
       {grpc::FAILED_PRECONDITION, RenewReleased, {"batch", "state"}}},
      {"BATCH_OF_OTHER_EPOCH",
       {grpc::FAILED_PRECONDITION, BatchOfOtherEpoch, {"batch", "epoch"}}},
      {"TOO_MANY_BATCHES",
       {grpc::FAILED_PRECONDITION, TooManyBatches, {"batch"}}},
      {"NEWER_FORMAT",
       {grpc::FAILED_PRECONDITION, NewerPayload, {"table", "key"}}},
      {"ETAG_MISMATCH", {grpc::ABORTED, WrongEtag, {"etag"}}},
      {"NOT_ENOUGH_ELIGIBLE",
       {grpc::RESOURCE_EXHAUSTED,
        [] { return SampleTooMany(true); },
        {"wanted", "total", "in_flight", "eligible"}}},
      {"PAYLOADS_TOO_LARGE",
       {grpc::RESOURCE_EXHAUSTED, PayloadsTooLarge, {"bytes", "rule"}}},
      {"TOO_MANY_RUNS", {grpc::RESOURCE_EXHAUSTED, TooManyRuns, {"rule"}}},
      {"TOO_MANY_PROMPTS",
       {grpc::RESOURCE_EXHAUSTED, TooManyPrompts, {"rule"}}},
      {"OVERLOADED", {grpc::RESOURCE_EXHAUSTED, Overloaded, {}}},
      {"SERVER_LOADING", {grpc::UNAVAILABLE, Loading, {}}},
      {"SERVER_DRAINING", {grpc::UNAVAILABLE, DrainingServer, {}}},
      {"STORAGE_FAILED", {grpc::UNAVAILABLE, FailedWrite, {}}},
      {"CORRUPT_RECORD", {grpc::DATA_LOSS, CorruptPayload, {"table", "key"}}},
  };
  return cases;
}

TEST_CASE("every error reason of the API has a case", "[unit]") {
  const google::protobuf::EnumDescriptor* const reasons =
      api::ErrorReason_descriptor();
  for (int i = 0; i < reasons->value_count(); ++i) {
    // The zero that proto3 asks for is no reason, and no error has it.
    if (reasons->value(i)->number() == 0) continue;
    const std::string& reason = reasons->value(i)->name();
    INFO(reason);
    CHECK(Cases().count(reason) == 1);
  }
}

TEST_CASE("a server does not serve what a newer one wrote", "[unit]") {
  simulation::ManualClock clock;
  simulation::MapStore disk;
  MakeNewer(disk, storage::RegistryKey());
  auto server = Server::Start({}, disk, clock);
  REQUIRE(server.ok());
  const grpc::Status status = ToGrpc((*server)->WaitUntilLoaded().status());
  CHECK(ReasonOf(status) == "NEWER_FORMAT");
  CHECK(MetadataOf(status, "table") == "registry");
}

TEST_CASE("each error comes with its code, reason and metadata", "[unit]") {
  for (const auto& [reason, expected] : Cases()) {
    INFO(reason);
    const grpc::Status status = expected.provoke();
    INFO(status.error_message());
    CHECK(status.error_code() == expected.code);
    CHECK(ReasonOf(status) == reason);
    CHECK(status.error_message() != "");
    for (const std::string& key : expected.metadata) {
      INFO(key);
      CHECK(MetadataOf(status, key) != "(none)");
    }
  }
}

}  // namespace
}  // namespace vade::server
