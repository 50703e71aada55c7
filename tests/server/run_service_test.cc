// The RPCs about runs, prompts and batches, through a real server.
#include <algorithm>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/time_util.h"
#include "tests/server/service_fixture.h"

namespace vade::server {
namespace {

using Stub = api::Sampler::Stub;
using google::protobuf::util::TimeUtil;

TEST_CASE("a run is created, read, listed, changed and deleted", "[unit]") {
  ServiceFixture service;
  const api::Run created = service.CreateRun("b");
  CHECK(created.name() == "runs/b");
  CHECK(created.seed() == 1);
  CHECK(created.policy() == "vade");
  service.CreateRun("a");
  service.CreateRun("c");

  api::GetRunRequest get;
  get.set_name("runs/b");
  auto read = service.Call(&Stub::GetRun, get);
  CHECK(read.response.SerializeAsString() == created.SerializeAsString());

  api::UpdateRunRequest update;
  update.mutable_run()->set_name("runs/b");
  update.mutable_run()->set_etag(created.etag());
  update.mutable_run()->set_group_size(4);
  update.mutable_run()->set_display_name("better");
  update.mutable_update_mask()->add_paths("group_size");
  update.mutable_update_mask()->add_paths("display_name");
  auto updated = service.Call(&Stub::UpdateRun, update);
  REQUIRE(ReasonOf(updated.status) == "");
  CHECK(updated.response.group_size() == 4);
  CHECK(updated.response.display_name() == "better");
  CHECK(updated.response.etag() != created.etag());
  CHECK(ReasonOf(service.Call(&Stub::UpdateRun, update).status) ==
        "ETAG_MISMATCH");

  api::DeleteRunRequest remove;
  remove.set_name("runs/b");
  CHECK(ReasonOf(service.Call(&Stub::DeleteRun, remove).status) == "");
  CHECK(ReasonOf(service.Call(&Stub::DeleteRun, remove).status) ==
        "RUN_NOT_FOUND");
  remove.set_allow_missing(true);
  CHECK(ReasonOf(service.Call(&Stub::DeleteRun, remove).status) == "");
  CHECK(ReasonOf(service.Call(&Stub::GetRun, get).status) == "RUN_NOT_FOUND");
}

TEST_CASE("runs are listed by name, page by page", "[unit]") {
  ServiceFixture service;
  for (const char* id : {"d", "a", "c", "b", "e"}) service.CreateRun(id);
  api::ListRunsRequest request;
  request.set_page_size(2);
  std::string names;
  int pages = 0;
  do {
    auto page = service.Call(&Stub::ListRuns, request);
    REQUIRE(ReasonOf(page.status) == "");
    for (const api::Run& run : page.response.runs()) {
      names += run.name().substr(5);
    }
    request.set_page_token(page.response.next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  CHECK(names == "abcde");
  CHECK(pages == 3);
}

TEST_CASE("a prompt is read with its payload, changed and deleted", "[unit]") {
  ServiceFixture service;
  service.CreateRun("r");
  service.ImportMessages({ImportRequestOf("r", {"a/b", "c"})});
  api::GetPromptRequest get;
  get.set_name("runs/r/prompts/a/b");
  auto read = service.Call(&Stub::GetPrompt, get);
  REQUIRE(ReasonOf(read.status) == "");
  CHECK(read.response.id() == "a/b");
  CHECK(read.response.payload() == "");
  CHECK(read.response.payload_bytes() == 14);
  CHECK(read.response.posterior_mean() == 0.5);
  get.set_include_payload(true);
  CHECK(service.Call(&Stub::GetPrompt, get).response.payload() ==
        "payload of a/b");

  api::UpdatePromptRequest update;
  update.set_run("runs/r");
  update.mutable_prompt()->set_id("a/b");
  update.mutable_prompt()->set_disabled(true);
  update.mutable_prompt()->mutable_evidence()->set_alpha(3);
  update.mutable_update_mask()->add_paths("disabled");
  update.mutable_update_mask()->add_paths("evidence");
  auto updated = service.Call(&Stub::UpdatePrompt, update);
  REQUIRE(ReasonOf(updated.status) == "");
  CHECK(updated.response.disabled());
  CHECK(updated.response.evidence().alpha() == 3);
  CHECK(updated.response.payload_bytes() == 14);

  api::BatchGetPromptsRequest several;
  several.set_run("runs/r");
  several.add_prompt_ids("c");
  several.add_prompt_ids("a/b");
  several.set_include_payloads(true);
  auto found = service.Call(&Stub::BatchGetPrompts, several);
  REQUIRE(found.response.prompts_size() == 2);
  CHECK(found.response.prompts(0).payload() == "payload of c");
  CHECK(found.response.prompts(1).payload() == "payload of a/b");

  api::DeletePromptRequest remove;
  remove.set_name("runs/r/prompts/c");
  CHECK(ReasonOf(service.Call(&Stub::DeletePrompt, remove).status) == "");
  CHECK(ReasonOf(service.Call(&Stub::BatchGetPrompts, several).status) ==
        "PROMPT_NOT_FOUND");
}

TEST_CASE("prompts are listed filtered, ordered and page by page", "[unit]") {
  ServiceFixture service;
  service.CreateRun("r");
  api::ImportPromptsRequest import;
  import.set_run("runs/r");
  for (int i = 0; i < 7; ++i) {
    api::Prompt& prompt = *import.add_prompts();
    prompt.set_id(absl::StrCat("p", i));
    prompt.set_payload(absl::StrCat(i));
    (*prompt.mutable_labels())["parity"] = i % 2 == 0 ? "even" : "odd";
    prompt.mutable_starting_evidence()->set_pass_rate(i / 10.0);
    prompt.mutable_starting_evidence()->set_weight(10);
  }
  REQUIRE(service.ImportMessages({import}).status.ok());
  api::ListPromptsRequest request;
  request.set_run("runs/r");
  request.set_order_by("posterior_mean desc");
  request.set_page_size(3);
  request.set_include_payloads(true);
  auto* term = request.mutable_filter()->add_terms();
  term->set_key("parity");
  term->add_values("even");
  auto page = service.Call(&Stub::ListPrompts, request);
  REQUIRE(ReasonOf(page.status) == "");
  CHECK(page.response.total_size() == 4);
  REQUIRE(page.response.prompts_size() == 3);
  CHECK(page.response.prompts(0).id() == "p6");
  CHECK(page.response.prompts(0).payload() == "6");
  request.set_page_token(page.response.next_page_token());
  page = service.Call(&Stub::ListPrompts, request);
  REQUIRE(page.response.prompts_size() == 1);
  CHECK(page.response.prompts(0).id() == "p0");
  CHECK(page.response.next_page_token() == "");
  request.set_order_by("evidence");
  CHECK(ReasonOf(service.Call(&Stub::ListPrompts, request).status) ==
        "INVALID_PAGE_TOKEN");
}

TEST_CASE("a batch is sampled with payloads, renewed and released", "[unit]") {
  ServiceFixture service;
  service.CreateRun("r");
  service.Import("r", 5);
  api::SampleBatchRequest request = SampleRequestOf("r", 3);
  request.set_include_payloads(true);
  *request.mutable_lease_ttl() = TimeUtil::SecondsToDuration(60);
  auto sampled = service.TrySample(request);
  REQUIRE(ReasonOf(sampled.status) == "");
  REQUIRE(sampled.response.prompts_size() == 3);
  CHECK(sampled.response.group_size() == 8);
  for (const api::SampledPrompt& prompt : sampled.response.prompts()) {
    CHECK(prompt.payload() == "payload of " + prompt.prompt_id());
    CHECK(prompt.draw() > 0);
    CHECK(prompt.posterior_mean() == 0.5);
  }
  const std::string name = "runs/r/batches/" + sampled.response.batch_id();

  service.clock().Advance(absl::Seconds(30));
  api::RenewBatchRequest renew;
  renew.set_name(name);
  auto renewed = service.Call(&Stub::RenewBatch, renew);
  REQUIRE(ReasonOf(renewed.status) == "");
  CHECK(TimeUtil::TimestampToSeconds(renewed.response.lease_expire_time()) ==
        TimeUtil::TimestampToSeconds(sampled.response.lease_expire_time()) +
            30);

  api::ReleaseBatchRequest release;
  release.set_name(name);
  release.add_prompt_ids(sampled.response.prompts(0).prompt_id());
  auto released = service.Call(&Stub::ReleaseBatch, release);
  REQUIRE(ReasonOf(released.status) == "");
  CHECK(released.response.in_flight_count() == 2);
  release.clear_prompt_ids();
  CHECK(service.Call(&Stub::ReleaseBatch, release).response.state() ==
        api::Batch::RELEASED);

  api::GetBatchRequest get;
  get.set_name(name);
  auto read = service.Call(&Stub::GetBatch, get);
  REQUIRE(read.response.groups_size() == 3);
  CHECK(read.response.groups(1).state() == api::Group::RELEASED);
  CHECK(read.response.has_end_time());
}

TEST_CASE("all ranks with one request id share one batch", "[unit]") {
  ServiceFixture service;
  service.CreateRun("r");
  service.Import("r", 20);
  std::set<std::string> dealt;
  std::set<std::string> batches;
  for (uint32_t rank = 0; rank < 3; ++rank) {
    api::SampleBatchRequest request = SampleRequestOf("r", 10);
    request.set_request_id("step-1");
    request.mutable_shard()->set_index(rank);
    request.mutable_shard()->set_count(3);
    auto sampled = service.TrySample(request);
    REQUIRE(ReasonOf(sampled.status) == "");
    CHECK(sampled.response.repeated_request() == (rank > 0));
    CHECK(sampled.response.batch_size() == 10);
    CHECK(sampled.response.prompts_size() == (rank == 2 ? 4 : 3));
    batches.insert(sampled.response.batch_id());
    for (const api::SampledPrompt& prompt : sampled.response.prompts()) {
      CHECK(dealt.insert(prompt.prompt_id()).second);
    }
  }
  CHECK(batches.size() == 1);
  CHECK(dealt.size() == 10);
}

TEST_CASE("a request id outlives the server", "[unit]") {
  ServiceFixture service;
  service.CreateRun("r");
  service.Import("r", 20);
  const api::SampleBatchResponse first = service.Sample("r", 5, "step-1");
  service.Restart();
  const api::SampleBatchResponse again = service.Sample("r", 5, "step-1");
  CHECK(again.repeated_request());
  CHECK(again.batch_id() == first.batch_id());
  REQUIRE(again.prompts_size() == 5);
  for (int i = 0; i < 5; ++i) {
    CHECK(again.prompts(i).SerializeAsString() ==
          first.prompts(i).SerializeAsString());
  }
}

TEST_CASE("batches are listed newest first, by state and page by page",
          "[unit]") {
  ServiceFixture service;
  service.CreateRun("r");
  service.Import("r", 10);
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(service.Sample("r", 2).batch_id());
  api::ReleaseBatchRequest release;
  release.set_name("runs/r/batches/" + ids[2]);
  REQUIRE(service.Call(&Stub::ReleaseBatch, release).status.ok());
  api::ListBatchesRequest request;
  request.set_run("runs/r");
  request.set_state(api::Batch::IN_FLIGHT);
  request.set_page_size(3);
  auto page = service.Call(&Stub::ListBatches, request);
  REQUIRE(page.response.batches_size() == 3);
  CHECK(page.response.batches(0).name() == "runs/r/batches/" + ids[4]);
  CHECK(page.response.batches(2).name() == "runs/r/batches/" + ids[1]);
  request.set_page_token(page.response.next_page_token());
  page = service.Call(&Stub::ListBatches, request);
  REQUIRE(page.response.batches_size() == 1);
  CHECK(page.response.batches(0).name() == "runs/r/batches/" + ids[0]);
  request.set_state(api::Batch::RELEASED);
  CHECK(ReasonOf(service.Call(&Stub::ListBatches, request).status) ==
        "INVALID_PAGE_TOKEN");
}

TEST_CASE("partial groups, duplicates and late reports are counted", "[unit]") {
  ServiceFixture service;
  service.CreateRun("r");
  service.Import("r", 2);
  const api::SampleBatchResponse batch = service.Sample("r", 2);
  api::GroupReport half = GroupOf("p0", {1, 0, 1, 0});
  auto report = service.Report("r", batch.batch_id(), {half});
  REQUIRE(ReasonOf(report.status) == "");
  CHECK(report.response.accepted_count() == 4);
  CHECK(report.response.completed_group_count() == 0);
  report = service.Report("r", batch.batch_id(), {half});
  CHECK(report.response.accepted_count() == 0);
  CHECK(report.response.duplicate_count() == 4);

  api::GroupReport rest;
  rest.set_prompt_id("p0");
  for (uint32_t i = 4; i < 7; ++i) {
    rest.add_rewards(0);
    rest.add_rollout_indexes(i);
  }
  rest.add_failed_rollout_indexes(7);
  report = service.Report("r", batch.batch_id(), {rest});
  CHECK(report.response.accepted_count() == 3);
  CHECK(report.response.failed_count() == 1);
  CHECK(report.response.completed_group_count() == 1);
  CHECK(report.response.zero_variance_group_count() == 0);

  service.clock().Advance(absl::Hours(1));
  report = service.Report("r", batch.batch_id(),
                          {GroupOf("p1", {0, 0, 0, 0, 0, 0, 0, 0})});
  CHECK(report.response.late_count() == 8);
  const api::RunStats stats = service.Stats("r");
  CHECK(stats.rollout_count() == 15);
  CHECK(stats.failed_rollout_count() == 1);
  CHECK(stats.duplicate_rollout_count() == 4);
  CHECK(stats.late_rollout_count() == 8);
  CHECK(stats.expired_group_count() == 1);
}

TEST_CASE("a refused report changes nothing", "[unit]") {
  ServiceFixture service;
  service.CreateRun("r");
  service.Import("r", 2);
  const api::SampleBatchResponse batch = service.Sample("r", 2);
  auto report = service.Report("r", batch.batch_id(),
                               {GroupOf("p0", {1, 1}), GroupOf("p1", {2})});
  CHECK(ReasonOf(report.status) == "REWARD_OUT_OF_RULE");
  CHECK(MetadataOf(report.status, "field") ==
        "reports[0].groups[1].rewards[0]");
  CHECK(service.Stats("r").rollout_count() == 0);
}

TEST_CASE("the statistics' shares follow from the counts", "[unit]") {
  ServiceFixture service;
  service.CreateRun("r");
  service.Import("r", 4);
  const api::SampleBatchResponse batch = service.Sample("r", 2);
  const std::string solved = batch.prompts(0).prompt_id();
  const std::string failed = batch.prompts(1).prompt_id();
  REQUIRE(service
              .Report("r", batch.batch_id(),
                      {GroupOf(solved, {1, 1, 0, 0, 0, 0, 0, 0}),
                       GroupOf(failed, {0, 0, 0, 0, 0, 0, 0, 0})})
              .status.ok());
  const api::RunStats stats = service.Stats("r");
  CHECK(stats.run() == "runs/r");
  CHECK(stats.clock() == 1);
  CHECK(stats.group_count() == 2);
  CHECK(stats.effective_gradient_ratio() == 0.5);
  CHECK(stats.mean_pass_rate() == 2.0 / 16);
  CHECK(stats.expected_egr() == Approx(7.0 / 9));
  CHECK(stats.ever_dealt_share() == 0.5);
  CHECK(stats.never_solved_prompt_count() == 1);
  CHECK(stats.calibration_size() == 10);
  CHECK(stats.pass_rate_histogram_size() == 20);
  CHECK(stats.series_size() == 1);
}

}  // namespace
}  // namespace vade::server
