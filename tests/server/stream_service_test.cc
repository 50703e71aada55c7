// The streams, and calls that wait.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/time_util.h"
#include "tests/server/service_fixture.h"

namespace vade::server {
namespace {

using Stub = api::Sampler::Stub;
using google::protobuf::util::TimeUtil;

// A SampleBatch that waits for prompts, on a thread of its own.
class WaitingSample {
 public:
  explicit WaitingSample(ServiceFixture& service,
                         absl::Duration timeout = kCallTimeout)
      : thread_([this, &service, timeout] {
          api::SampleBatchRequest request = SampleRequestOf("r", 1);
          *request.mutable_max_wait() = TimeUtil::SecondsToDuration(3600);
          SetTimeout(context_, timeout);
          outcome_.status = service.stub().SampleBatch(&context_, request,
                                                       &outcome_.response);
        }) {}
  ~WaitingSample() {
    if (thread_.joinable()) thread_.join();
  }

  void Cancel() { context_.TryCancel(); }
  const Outcome<api::SampleBatchResponse>& Wait() {
    thread_.join();
    return outcome_;
  }

 private:
  grpc::ClientContext context_;
  Outcome<api::SampleBatchResponse> outcome_;
  std::thread thread_;
};

// A run "r" of one prompt, which is in flight.
std::string DealAll(ServiceFixture& service) {
  service.CreateRun("r");
  service.Import("r", 1);
  return service.Sample("r", 1).batch_id();
}

TEST_CASE("a waiting call is woken by a release", "[unit]") {
  ServiceFixture service;
  const std::string batch = DealAll(service);
  WaitingSample waiting(service);
  service.WaitForWaitingCalls("r", 1);
  api::ReleaseBatchRequest release;
  release.set_name("runs/r/batches/" + batch);
  REQUIRE(service.Call(&Stub::ReleaseBatch, release).status.ok());
  const auto& outcome = waiting.Wait();
  CHECK(ReasonOf(outcome.status) == "");
  CHECK(outcome.response.prompts_size() == 1);
}

TEST_CASE("a waiting call is woken by a complete group", "[unit]") {
  ServiceFixture service;
  const std::string batch = DealAll(service);
  WaitingSample waiting(service);
  service.WaitForWaitingCalls("r", 1);
  REQUIRE(service.Report("r", batch, {GroupOf("p0", {1, 1, 1, 0, 0, 0, 0, 0})})
              .status.ok());
  CHECK(ReasonOf(waiting.Wait().status) == "");
}

TEST_CASE("a waiting call is woken by an import and by an expired lease",
          "[unit]") {
  ServiceFixture service;
  DealAll(service);
  {
    WaitingSample waiting(service);
    service.WaitForWaitingCalls("r", 1);
    REQUIRE(
        service.ImportMessages({ImportRequestOf("r", {"new"})}).status.ok());
    CHECK(waiting.Wait().response.prompts(0).prompt_id() == "new");
  }
  WaitingSample waiting(service);
  service.WaitForWaitingCalls("r", 1);
  service.clock().Advance(absl::Minutes(31));
  CHECK(ReasonOf(waiting.Wait().status) == "");
}

TEST_CASE("a waiting call that is cancelled deals nothing", "[unit]") {
  ServiceFixture service;
  const std::string batch = DealAll(service);
  WaitingSample waiting(service);
  service.WaitForWaitingCalls("r", 1);
  waiting.Cancel();
  CHECK(waiting.Wait().status.error_code() == grpc::CANCELLED);
  service.WaitForWaitingCalls("r", 0);
  api::ReleaseBatchRequest release;
  release.set_name("runs/r/batches/" + batch);
  REQUIRE(service.Call(&Stub::ReleaseBatch, release).status.ok());
  CHECK(service.Stats("r").in_flight_prompt_count() == 0);
  CHECK(service.Stats("r").batch_count() == 1);
}

TEST_CASE("a waiting call ends when its max_wait is over", "[unit]") {
  ServiceFixture service;
  DealAll(service);
  std::thread waiter([&service] {
    api::SampleBatchRequest request = SampleRequestOf("r", 1);
    *request.mutable_max_wait() = TimeUtil::SecondsToDuration(5);
    CHECK(ReasonOf(service.TrySample(request).status) == "NOT_ENOUGH_ELIGIBLE");
  });
  service.WaitForWaitingCalls("r", 1);
  service.clock().Advance(absl::Seconds(6));
  waiter.join();
}

TEST_CASE("waiting calls of a run end when it is deleted", "[unit]") {
  ServiceFixture service;
  DealAll(service);
  WaitingSample waiting(service);
  service.WaitForWaitingCalls("r", 1);
  api::DeleteRunRequest request;
  request.set_name("runs/r");
  REQUIRE(service.Call(&Stub::DeleteRun, request).status.ok());
  CHECK(ReasonOf(waiting.Wait().status) == "RUN_NOT_FOUND");
}

TEST_CASE("an import adds up its messages", "[unit]") {
  ServiceFixture service;
  service.CreateRun("r");
  api::ImportPromptsRequest second = ImportRequestOf("r", {"b", "c"});
  second.clear_run();
  auto outcome = service.ImportMessages(
      {ImportRequestOf("r", {"a", "b"}), second, ImportRequestOf("r", {})});
  REQUIRE(ReasonOf(outcome.status) == "");
  CHECK(outcome.response.created_count() == 3);
  CHECK(outcome.response.updated_count() == 1);
  CHECK(outcome.response.skipped_count() == 0);
}

TEST_CASE("an import keeps to the first message's way with existing prompts",
          "[unit]") {
  ServiceFixture service;
  service.CreateRun("r");
  service.Import("r", 1);
  api::ImportPromptsRequest first = ImportRequestOf("r", {"p0"});
  first.set_existing_prompts(api::EXISTING_PROMPTS_SKIP);
  auto outcome =
      service.ImportMessages({first, ImportRequestOf("r", {"p0", "p1"})});
  REQUIRE(ReasonOf(outcome.status) == "");
  CHECK(outcome.response.skipped_count() == 2);
  CHECK(outcome.response.created_count() == 1);
}

TEST_CASE("a bad message ends an import, and those before it stay", "[unit]") {
  ServiceFixture service;
  service.CreateRun("r");
  auto outcome = service.ImportMessages({ImportRequestOf("r", {"a", "b"}),
                                         ImportRequestOf("r", {"c", ""}),
                                         ImportRequestOf("r", {"d"})});
  CHECK(ReasonOf(outcome.status) == "INVALID_FIELD");
  CHECK(MetadataOf(outcome.status, "field") == "prompts[1].id");
  CHECK(outcome.status.error_message().find(
            "2 prompts of earlier messages were imported") !=
        std::string::npos);
  CHECK(service.Stats("r").prompt_count() == 2);
}

TEST_CASE("messages after one that the run refuses are not imported",
          "[unit]") {
  ServiceFixture service;
  service.CreateRun("r");
  service.Import("r", 1);
  std::vector<api::ImportPromptsRequest> messages = {
      ImportRequestOf("r", {"a"}), ImportRequestOf("r", {"p0"})};
  for (int i = 0; i < 20; ++i) {
    messages.push_back(ImportRequestOf("r", {absl::StrCat("later", i)}));
  }
  messages[0].set_existing_prompts(api::EXISTING_PROMPTS_FAIL);
  auto outcome = service.ImportMessages(messages);
  CHECK(ReasonOf(outcome.status) == "PROMPT_EXISTS");
  CHECK(outcome.status.error_message().find("1 prompts of earlier") !=
        std::string::npos);
  CHECK(service.Stats("r").prompt_count() == 2);
}

TEST_CASE("an import needs a run, the same all along", "[unit]") {
  ServiceFixture service;
  service.CreateRun("r");
  service.CreateRun("s");
  CHECK(ReasonOf(service.ImportMessages({}).status) == "INVALID_FIELD");
  api::ImportPromptsRequest nameless = ImportRequestOf("r", {"a"});
  nameless.clear_run();
  CHECK(ReasonOf(service.ImportMessages({nameless}).status) == "INVALID_FIELD");
  auto outcome = service.ImportMessages(
      {ImportRequestOf("r", {"a"}), ImportRequestOf("s", {"b"})});
  CHECK(MetadataOf(outcome.status, "field") == "run");
  CHECK(
      ReasonOf(service.ImportMessages({ImportRequestOf("t", {"a"})}).status) ==
      "RUN_NOT_FOUND");
}

TEST_CASE("an export streams every prompt once, in order of import", "[unit]") {
  ServiceFixture service;
  service.CreateRun("r");
  service.Import("r", 2500);
  api::ExportPromptsRequest request;
  request.set_run("runs/r");
  request.set_include_payloads(true);
  grpc::ClientContext context;
  SetTimeout(context);
  auto reader = service.stub().ExportPrompts(&context, request);
  api::ExportPromptsResponse message;
  int prompts = 0;
  int messages = 0;
  while (reader->Read(&message)) {
    ++messages;
    for (const api::Prompt& prompt : message.prompts()) {
      CHECK(prompt.id() == absl::StrCat("p", prompts));
      CHECK(prompt.payload() == "payload of " + prompt.id());
      ++prompts;
    }
  }
  CHECK(ReasonOf(reader->Finish()) == "");
  CHECK(prompts == 2500);
  CHECK(messages >= 3);
}

TEST_CASE("an export cuts its messages where payloads are large", "[unit]") {
  ServiceFixture service;
  service.CreateRun("r");
  for (int i = 0; i < 8; ++i) {
    api::ImportPromptsRequest import =
        ImportRequestOf("r", {absl::StrCat("p", i)});
    import.mutable_prompts(0)->set_payload(std::string(1 << 20, 'x'));
    REQUIRE(service.ImportMessages({import}).status.ok());
  }
  api::ExportPromptsRequest request;
  request.set_run("runs/r");
  request.set_include_payloads(true);
  grpc::ClientContext context;
  SetTimeout(context);
  auto reader = service.stub().ExportPrompts(&context, request);
  api::ExportPromptsResponse message;
  int prompts = 0;
  while (reader->Read(&message)) {
    CHECK(message.ByteSizeLong() < (3 << 20));
    prompts += message.prompts_size();
  }
  CHECK(ReasonOf(reader->Finish()) == "");
  CHECK(prompts == 8);
}

TEST_CASE("an export of an empty or absent run ends at once", "[unit]") {
  ServiceFixture service;
  service.CreateRun("r");
  api::ExportPromptsRequest request;
  api::ExportPromptsResponse message;
  for (const char* run : {"runs/r", "runs/absent"}) {
    request.set_run(run);
    grpc::ClientContext context;
    SetTimeout(context);
    auto reader = service.stub().ExportPrompts(&context, request);
    CHECK_FALSE(reader->Read(&message));
    CHECK(ReasonOf(reader->Finish()) ==
          (request.run() == "runs/r" ? "" : "RUN_NOT_FOUND"));
  }
}

TEST_CASE(
    "a watch sends at once, then when the run changed, until it is "
    "deleted",
    "[unit]") {
  ServiceFixture service;
  service.CreateRun("r");
  api::WatchRunRequest request;
  request.set_run("runs/r");
  *request.mutable_interval() = TimeUtil::MillisecondsToDuration(100);
  grpc::ClientContext context;
  SetTimeout(context);
  auto reader = service.stub().WatchRun(&context, request);
  api::RunStats stats;
  REQUIRE(reader->Read(&stats));
  CHECK(stats.prompt_count() == 0);
  service.Import("r", 3);
  service.clock().Advance(absl::Seconds(1));
  REQUIRE(reader->Read(&stats));
  CHECK(stats.prompt_count() == 3);
  // Nothing changed, so the next message is of the change that follows.
  service.clock().Advance(absl::Seconds(1));
  service.Sample("r", 1);
  REQUIRE(reader->Read(&stats));
  CHECK(stats.in_flight_prompt_count() == 1);
  api::DeleteRunRequest remove;
  remove.set_name("runs/r");
  REQUIRE(service.Call(&Stub::DeleteRun, remove).status.ok());
  while (reader->Read(&stats)) {
  }
  CHECK(ReasonOf(reader->Finish()) == "RUN_NOT_FOUND");
}

}  // namespace
}  // namespace vade::server
