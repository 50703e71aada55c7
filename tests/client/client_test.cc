#include "client/cpp/client.h"

#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "client/cpp/prompt_importer.h"
#include "tests/catch.h"
#include "tests/client/fake_clock.h"
#include "tests/client/fake_sampler.h"

namespace vade::client {
namespace {

const grpc::Status kLost(grpc::StatusCode::UNAVAILABLE, "connection lost");

std::unique_ptr<Client> ConnectTo(const FakeSampler& fake, Clock* clock) {
  ClientOptions options;
  options.address = fake.address();
  options.clock = clock;
  auto client = Client::Connect(options);
  REQUIRE(client.ok());
  return *std::move(client);
}

api::CreateRunRequest CreateRequest(const std::string& id, uint32_t size) {
  api::CreateRunRequest request;
  request.set_run_id(id);
  request.mutable_run()->set_group_size(size);
  return request;
}

api::SampleBatchRequest SampleRequest() {
  api::SampleBatchRequest request;
  request.set_run("runs/a");
  request.set_batch_size(4);
  return request;
}

}  // namespace

TEST_CASE("Options outside their range are refused", "[unit]") {
  ClientOptions options;
  const auto refused = [&] { return !Client::Connect(options).ok(); };
  options.address = "";
  CHECK(refused());
  options = {};
  options.default_timeout = absl::ZeroDuration();
  CHECK(refused());
  options = {};
  options.retry.multiplier = 0.5;
  CHECK(refused());
  options = {};
  options.max_message_bytes = 1;
  CHECK(refused());
  options = {};
  options.tls = TlsOptions{"", "certificate.pem", ""};
  CHECK(refused());
  options.tls = TlsOptions{"/there/is/no/such/file", "", ""};
  CHECK(Client::Connect(options).status().code() ==
        absl::StatusCode::kNotFound);
}

TEST_CASE("A made-up request id is kept over lost answers", "[unit]") {
  FakeSampler fake;
  FakeClock clock;
  auto client = ConnectTo(fake, &clock);
  fake.FailNext("SampleBatch", 3, kLost, /*applied=*/true);
  const auto batch = client->SampleBatch(SampleRequest());
  REQUIRE(batch.ok());
  CHECK(batch->repeated_request());
  CHECK(batch->batch_id() == "1-0");
  const std::vector<std::string> ids = fake.request_ids();
  REQUIRE(ids.size() == 4);
  CHECK(!ids[0].empty());
  CHECK(std::set<std::string>(ids.begin(), ids.end()).size() == 1);
}

TEST_CASE("Two calls without a request id have two", "[unit]") {
  FakeSampler fake;
  auto client = ConnectTo(fake, nullptr);
  auto other = ConnectTo(fake, nullptr);
  REQUIRE(client->SampleBatch(SampleRequest()).ok());
  REQUIRE(client->SampleBatch(SampleRequest()).ok());
  REQUIRE(other->SampleBatch(SampleRequest()).ok());
  const std::vector<std::string> ids = fake.request_ids();
  CHECK(std::set<std::string>(ids.begin(), ids.end()).size() == 3);
}

TEST_CASE("The caller's request id is sent as it is", "[unit]") {
  FakeSampler fake;
  auto client = ConnectTo(fake, nullptr);
  api::SampleBatchRequest request = SampleRequest();
  request.set_request_id("step-7");
  REQUIRE(client->SampleBatch(request).ok());
  CHECK(fake.request_ids() == std::vector<std::string>{"step-7"});
}

TEST_CASE("A batch that cannot be filled now is the caller's to repeat",
          "[unit]") {
  FakeSampler fake;
  auto client = ConnectTo(fake, nullptr);
  fake.FailNext("SampleBatch", 1,
                ErrorWithReason(grpc::StatusCode::RESOURCE_EXHAUSTED, "few",
                                "NOT_ENOUGH_ELIGIBLE", {{"eligible", "3"}}));
  const auto batch = client->SampleBatch(SampleRequest());
  CHECK(ErrorReasonOf(batch.status()) == api::NOT_ENOUGH_ELIGIBLE);
  CHECK(ErrorMetadataOf(batch.status(), "eligible") == "3");
  CHECK(fake.calls("SampleBatch") == 1);
}

TEST_CASE("A report is repeated while the server is overloaded", "[unit]") {
  FakeSampler fake;
  FakeClock clock;
  auto client = ConnectTo(fake, &clock);
  fake.FailNext("ReportRewards", 2,
                ErrorWithReason(grpc::StatusCode::RESOURCE_EXHAUSTED, "busy",
                                "OVERLOADED"));
  CHECK(client->ReportRewards({}).ok());
  CHECK(fake.calls("ReportRewards") == 3);
}

TEST_CASE("A run whose creation was answered to nobody is returned", "[unit]") {
  FakeSampler fake;
  FakeClock clock;
  auto client = ConnectTo(fake, &clock);
  fake.FailNext("CreateRun", 1, kLost, /*applied=*/true);
  const auto run = client->CreateRun(CreateRequest("a", 16));
  REQUIRE(run.ok());
  CHECK(run->name() == "runs/a");
  CHECK(run->group_size() == 16);
}

TEST_CASE("A run of someone else is not taken for one's own", "[unit]") {
  FakeSampler fake;
  FakeClock clock;
  auto client = ConnectTo(fake, &clock);
  REQUIRE(client->CreateRun(CreateRequest("a", 16)).ok());
  SECTION("without a lost answer") {
    const auto run = client->CreateRun(CreateRequest("a", 16));
    CHECK(ErrorReasonOf(run.status()) == api::RUN_EXISTS);
  }
  SECTION("with other settings") {
    fake.FailNext("CreateRun", 1, kLost);
    const auto run = client->CreateRun(CreateRequest("a", 8));
    CHECK(ErrorReasonOf(run.status()) == api::RUN_EXISTS);
  }
}

TEST_CASE("An update with an etag survives a lost answer", "[unit]") {
  FakeSampler fake;
  FakeClock clock;
  auto client = ConnectTo(fake, &clock);
  REQUIRE(client->CreateRun(CreateRequest("a", 16)).ok());
  fake.FailNext("UpdateRun", 1, kLost, /*applied=*/true);
  api::UpdateRunRequest request;
  request.mutable_run()->set_name("runs/a");
  request.mutable_run()->set_group_size(4);
  request.mutable_update_mask()->add_paths("group_size");
  SECTION("with an etag it is resolved") {
    request.mutable_run()->set_etag("etag-1");
    const auto run = client->UpdateRun(request);
    REQUIRE(run.ok());
    CHECK(run->group_size() == 4);
    CHECK(fake.calls("UpdateRun") == 2);
  }
  SECTION("without one it is not repeated") {
    CHECK(!client->UpdateRun(request).ok());
    CHECK(fake.calls("UpdateRun") == 1);
  }
}

TEST_CASE("A delete whose answer was lost is done", "[unit]") {
  FakeSampler fake;
  FakeClock clock;
  auto client = ConnectTo(fake, &clock);
  REQUIRE(client->CreateRun(CreateRequest("a", 16)).ok());
  api::DeleteRunRequest request;
  request.set_name("runs/a");
  fake.FailNext("DeleteRun", 1, kLost, /*applied=*/true);
  CHECK(client->DeleteRun(request).ok());
  // Nothing was lost this time, so the caller should know.
  CHECK(ErrorReasonOf(client->DeleteRun(request)) == api::RUN_NOT_FOUND);
}

TEST_CASE("A server that says nothing is given up at the deadline", "[unit]") {
  FakeSampler fake;
  auto client = ConnectTo(fake, nullptr);
  fake.Hang("GetRun");
  CallOptions options;
  options.timeout = absl::Milliseconds(50);
  CHECK(client->GetRun({}, options).status().code() ==
        absl::StatusCode::kDeadlineExceeded);
  CHECK(fake.calls("GetRun") == 1);
}

TEST_CASE("A server that is not there is UNAVAILABLE", "[unit]") {
  std::string address;
  {
    FakeSampler gone;
    address = gone.address();
  }
  FakeClock clock;
  ClientOptions options;
  options.address = address;
  options.clock = &clock;
  options.retry.max_attempts = 2;
  auto client = Client::Connect(options);
  REQUIRE(client.ok());
  CHECK((*client)->GetRun({}).status().code() ==
        absl::StatusCode::kUnavailable);
  CHECK(clock.pauses().size() == 1);
}

TEST_CASE("An export hands over every chunk once", "[unit]") {
  FakeSampler fake;
  FakeClock clock;
  auto client = ConnectTo(fake, &clock);
  for (const char* id : {"a", "b", "c"}) {
    api::Prompt prompt;
    prompt.set_id(id);
    fake.AddPrompt(prompt);
  }
  std::string ids;
  int chunks = 0;
  const auto collect = [&](const api::ExportPromptsResponse& chunk) {
    ++chunks;
    for (const api::Prompt& prompt : chunk.prompts()) ids += prompt.id();
    return absl::OkStatus();
  };
  SECTION("also after failures before the first") {
    fake.FailNext("ExportPrompts", 2, kLost);
    CHECK(client->ExportPrompts({}, collect).ok());
    CHECK(ids == "abc");
    CHECK(chunks == 2);
  }
  SECTION("and a stream that breaks later is an error") {
    fake.FailNext("ExportPrompts", 1, kLost, /*applied=*/true);
    CHECK(client->ExportPrompts({}, collect).code() ==
          absl::StatusCode::kUnavailable);
    CHECK(ids == "abc");
  }
  SECTION("until the caller has had enough") {
    const absl::Status status = client->ExportPrompts(
        {}, [&](const api::ExportPromptsResponse& chunk) -> absl::Status {
          (void)collect(chunk);
          return absl::OutOfRangeError("enough");
        });
    CHECK(status.code() == absl::StatusCode::kOutOfRange);
    CHECK(chunks == 1);
  }
}

TEST_CASE("A watch goes on after a lost connection", "[unit]") {
  FakeSampler fake;
  FakeClock clock;
  auto client = ConnectTo(fake, &clock);
  fake.FailNext("WatchRun", 3, kLost, /*applied=*/true);
  int messages = 0;
  CHECK(client
            ->WatchRun({},
                       [&](const api::RunStats&) {
                         ++messages;
                         return messages < 7;
                       })
            .ok());
  CHECK(messages == 7);
  CHECK(fake.calls("WatchRun") == 4);
}

TEST_CASE("A watch of a run that is not there ends", "[unit]") {
  FakeSampler fake;
  auto client = ConnectTo(fake, nullptr);
  fake.FailNext(
      "WatchRun", 1,
      ErrorWithReason(grpc::StatusCode::NOT_FOUND, "no run", "RUN_NOT_FOUND"));
  const absl::Status status =
      client->WatchRun({}, [](const api::RunStats&) { return true; });
  CHECK(ErrorReasonOf(status) == api::RUN_NOT_FOUND);
}

TEST_CASE("A watch is cancelled from another thread", "[unit]") {
  FakeSampler fake;
  auto client = ConnectTo(fake, nullptr);
  fake.Hang("WatchRun");
  Cancellation cancellation;
  absl::Status status;
  std::thread watcher([&] {
    status = client->WatchRun(
        {}, [](const api::RunStats&) { return true; }, &cancellation);
  });
  cancellation.Cancel();
  watcher.join();
  CHECK(status.code() == absl::StatusCode::kCancelled);
  CHECK(fake.calls("WatchRun") <= 1);
}

TEST_CASE("Health tells serving from loading and from absent", "[unit]") {
  FakeSampler fake;
  FakeClock clock;
  auto client = ConnectTo(fake, &clock);
  CHECK(client->CheckHealth().ok());
  CHECK(client->WaitUntilServing(absl::Seconds(1)).ok());
  fake.set_serving(false);
  CHECK(client->CheckHealth().code() == absl::StatusCode::kUnavailable);
  CHECK(client->WaitUntilServing(absl::Seconds(1)).code() ==
        absl::StatusCode::kUnavailable);
  CHECK(clock.pauses().size() >= 10);
}

TEST_CASE("An import sends chunks of a limited size", "[unit]") {
  FakeSampler fake;
  auto client = ConnectTo(fake, nullptr);
  ImportOptions options;
  options.max_chunk_prompts = 10;
  options.max_stream_chunks = 2;
  PromptImporter importer(*client, "a", options);
  for (int i = 0; i < 45; ++i) {
    api::Prompt prompt;
    prompt.set_id(std::to_string(i));
    REQUIRE(importer.Add(prompt).ok());
  }
  CHECK(importer.stored_count() == 40);
  const auto counts = importer.Finish();
  REQUIRE(counts.ok());
  CHECK(counts->created_count() == 45);
  CHECK(fake.prompts().size() == 45);
  CHECK(fake.calls("ImportPrompts") == 3);
}

TEST_CASE("An import sends again what a lost connection left unanswered",
          "[unit]") {
  FakeSampler fake;
  FakeClock clock;
  auto client = ConnectTo(fake, &clock);
  api::Prompt prompt;
  prompt.set_id("a");
  fake.FailNext("ImportPrompts", 2, kLost, /*applied=*/true);
  SECTION("if that changes nothing") {
    PromptImporter importer(*client, "a", {});
    REQUIRE(importer.Add(prompt).ok());
    CHECK(importer.Finish().ok());
    CHECK(fake.calls("ImportPrompts") == 3);
    CHECK(fake.prompts().size() == 1);
  }
  SECTION("but not if existing prompts are refused") {
    ImportOptions options;
    options.existing_prompts = api::EXISTING_PROMPTS_FAIL;
    PromptImporter importer(*client, "a", options);
    REQUIRE(importer.Add(prompt).ok());
    CHECK(importer.Finish().status().code() == absl::StatusCode::kUnavailable);
    CHECK(fake.calls("ImportPrompts") == 1);
  }
}

TEST_CASE("An import that failed stays failed", "[unit]") {
  FakeSampler fake;
  auto client = ConnectTo(fake, nullptr);
  fake.FailNext("ImportPrompts", 1,
                ErrorWithReason(grpc::StatusCode::RESOURCE_EXHAUSTED, "full",
                                "TOO_MANY_PROMPTS"));
  ImportOptions options;
  options.max_chunk_prompts = 1;
  options.max_stream_chunks = 1;
  PromptImporter importer(*client, "a", options);
  absl::Status status;
  for (int i = 0; i < 10 && status.ok(); ++i) {
    api::Prompt prompt;
    prompt.set_id(std::to_string(i));
    status = importer.Add(prompt);
  }
  CHECK(ErrorReasonOf(status) == api::TOO_MANY_PROMPTS);
  CHECK(ErrorReasonOf(importer.Finish().status()) == api::TOO_MANY_PROMPTS);
  CHECK(importer.stored_count() == 0);
}

}  // namespace vade::client
