// Leases of a run: renewal, release, expiry, retention.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/catch.h"
#include "tests/engine/run_fixture.h"

namespace vade::sampling {
namespace {

using storage::BatchState;
using storage::GroupState;

SettingsSpec WithRetention(uint64_t deals, absl::Duration age) {
  SettingsSpec spec;
  spec.group_size = 1;
  spec.retained_deals = deals;
  spec.retention_age = age;
  return spec;
}

std::vector<uint64_t> Sequences(RunFixture& f) {
  std::vector<uint64_t> sequences;
  for (const BatchInfo& batch : f->ListBatches({}).batches) {
    sequences.push_back(batch.sequence);
  }
  return sequences;
}

TEST_CASE("A lease expires at its time, frees its prompts and is no evidence",
          "[unit]") {
  RunFixture f;
  f.Import(2);
  const SampleResult batch = f.Sample(2);
  f.Report(batch.batch_id, "p0", {1, 0});
  const Evidence before = f.Prompt("p0").evidence;
  f.Pass(absl::Minutes(30) - absl::Microseconds(1));
  CHECK(f.Batch(batch.batch_id).state == BatchState::kInFlight);
  f.Pass(absl::Microseconds(1));
  const BatchInfo info = f.Batch(batch.batch_id);
  CHECK(info.state == BatchState::kExpired);
  CHECK(info.end_time == f.now());
  CHECK(info.in_flight == 0);
  for (const GroupInfo& group : info.groups) {
    CHECK(group.state == GroupState::kExpired);
  }
  CHECK(f.Prompt("p0").evidence == before);
  CHECK(f->Info().in_flight == 0);
  CHECK(f.Totals().expired_groups == 2);
  CHECK(f.Sample(2).prompts.size() == 2);
}

TEST_CASE("Any change expires what is due first, even one that is refused",
          "[unit]") {
  RunFixture f;
  f.Import(1);
  f.Sample(1);
  f.Advance(absl::Hours(1));
  CHECK(f->Info().in_flight == 1);
  CHECK(ReasonOf(f->DeletePrompt("stranger", f.now())) == "PROMPT_NOT_FOUND");
  CHECK(f->Info().in_flight == 0);
}

TEST_CASE("Updating a run expires what is due first", "[unit]") {
  RunFixture f;
  f.Import(1);
  f.Sample(1);
  f.Advance(absl::Hours(1));
  CHECK(f->Update({}, f.now())->in_flight == 0);
}

TEST_CASE("A lease may have a ttl of its own", "[unit]") {
  RunFixture f;
  f.Import(1);
  SampleRequest request = RequestOf(1);
  request.lease_ttl = absl::Seconds(5);
  const auto batch = f->Sample(request, f.now());
  REQUIRE(batch.ok());
  CHECK(batch->expire_time == f.now() + absl::Seconds(5));
  CHECK(f->NextTick() == f.now() + absl::Seconds(5));
  f.Pass(absl::Seconds(5));
  CHECK(f->Info().in_flight == 0);
}

TEST_CASE("A renewed lease ends its ttl from now", "[unit]") {
  RunFixture f;
  f.Import(1);
  SampleRequest request = RequestOf(1);
  request.lease_ttl = absl::Seconds(60);
  const std::string id = f->Sample(request, f.now())->batch_id;
  f.Pass(absl::Seconds(50));
  const auto renewed = f->Renew(id, std::nullopt, f.now());
  REQUIRE(renewed.ok());
  CHECK(renewed->expire_time == f.now() + absl::Seconds(60));
  f.Pass(absl::Seconds(50));
  CHECK(f.Batch(id).state == BatchState::kInFlight);
  const auto longer = f->Renew(id, absl::Hours(2), f.now());
  REQUIRE(longer.ok());
  CHECK(longer->expire_time == f.now() + absl::Hours(2));
  REQUIRE(f.Reload().ok());
  CHECK(f.Batch(id).expire_time == longer->expire_time);
}

TEST_CASE("A lease that has ended is not renewed", "[unit]") {
  RunFixture f;
  f.Import(1);
  const std::string id = f.Sample(1).batch_id;
  f.Advance(absl::Hours(1));
  const absl::Status status = f->Renew(id, std::nullopt, f.now()).status();
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(ReasonOf(status) == "BATCH_NOT_IN_FLIGHT");
  CHECK(MetadataOf(status, "batch") == id);
  CHECK(MetadataOf(status, "state") == "EXPIRED");
  CHECK(ReasonOf(f->Renew("5-9", std::nullopt, f.now())) == "BATCH_NOT_FOUND");
  CHECK(ReasonOf(f->Renew("6-1", std::nullopt, f.now())) ==
        "BATCH_OF_OTHER_EPOCH");
}

TEST_CASE("Releasing a batch frees what is in flight and may be repeated",
          "[unit]") {
  RunFixture f;
  f.Import(3);
  const SampleResult batch = f.Sample(3);
  f.Report(batch.batch_id, "p1", std::vector<double>(8, 1));
  for (int repeat = 0; repeat < 2; ++repeat) {
    const auto released = f->Release(batch.batch_id, {}, f.now());
    REQUIRE(released.ok());
    CHECK(released->state == BatchState::kReleased);
    CHECK(released->completed == 1);
    CHECK(released->in_flight == 0);
  }
  CHECK(f.Totals().released_groups == 2);
  CHECK(f->Info().in_flight == 0);
}

TEST_CASE("Prompts are released one by one until the batch is complete",
          "[unit]") {
  RunFixture f;
  f.Import(2);
  const SampleResult batch = f.Sample(2);
  const auto one = f->Release(batch.batch_id, {"p1", "p1"}, f.now());
  REQUIRE(one.ok());
  CHECK(one->state == BatchState::kInFlight);
  CHECK(one->in_flight == 1);
  CHECK_FALSE(f.Prompt("p1").in_flight);
  CHECK(f.Prompt("p0").in_flight);
  const auto both = f->Release(batch.batch_id, {"p1", "p0"}, f.now());
  REQUIRE(both.ok());
  CHECK(both->state == BatchState::kCompleted);
  CHECK(f.Totals().released_groups == 2);
}

TEST_CASE("Releasing a prompt of another batch releases nothing", "[unit]") {
  RunFixture f;
  f.Import(2);
  const SampleResult batch = f.Sample(1);
  const std::string mine = batch.prompts[0].id;
  const std::string other = mine == "p0" ? "p1" : "p0";
  f.Commit();
  const absl::Status status =
      f->Release(batch.batch_id, {mine, other}, f.now()).status();
  CHECK(absl::IsNotFound(status));
  CHECK(ReasonOf(status) == "PROMPT_NOT_IN_BATCH");
  CHECK(f.Prompt(mine).in_flight);
  CHECK(f->TakeMutation().empty());
}

TEST_CASE("A released prompt may be in flight elsewhere when its report comes",
          "[unit]") {
  RunFixture f;
  f.Import(1);
  const SampleResult first = f.Sample(1);
  REQUIRE(f->Release(first.batch_id, {}, f.now()).ok());
  const SampleResult second = f.Sample(1);
  CHECK(f.Report(first.batch_id, "p0", std::vector<double>(8, 1)).late == 8);
  CHECK(f.Prompt("p0").in_flight);
  CHECK(f.Batch(second.batch_id).in_flight == 1);
  CHECK(f->CheckInvariants().ok());
}

TEST_CASE("Leases survive a restart and expire on time after it", "[unit]") {
  RunFixture f;
  f.Import(4);
  const SampleResult batch = f.Sample(3);
  f.Report(batch.batch_id, batch.prompts[0].id, {1, 0});
  f.Report(batch.batch_id, batch.prompts[1].id, std::vector<double>(8, 1));
  f.Advance(absl::Minutes(20));
  REQUIRE(f.Reload().ok());
  CHECK(f->Info().in_flight == 2);
  CHECK(f->NextTick() == f.now() + absl::Minutes(10));
  f.Pass(absl::Minutes(10));
  CHECK(f.Batch(batch.batch_id).state == BatchState::kExpired);
  CHECK(f.Totals().expired_groups == 2);
  REQUIRE(f.Reload().ok());
  CHECK(f.Batch(batch.batch_id).groups[0].state == GroupState::kExpired);
  CHECK(f.Batch(batch.batch_id).groups[1].state == GroupState::kCompleted);
}

TEST_CASE("A lease is cut to its ttl if the wall clock went back", "[unit]") {
  RunFixture f;
  f.Import(1);
  const std::string id = f.Sample(1).batch_id;
  f.Advance(-absl::Hours(10));
  REQUIRE(f.Reload().ok());
  const absl::Time cut = f.now() + absl::Minutes(30);
  CHECK(f.Batch(id).expire_time == cut);
  f.Advance(absl::Minutes(20));
  REQUIRE(f.Reload().ok());
  CHECK(f.Batch(id).expire_time == cut);
}

TEST_CASE(
    "An ended batch is forgotten when more deals are remembered than "
    "allowed",
    "[unit]") {
  RunFixture f(WithRetention(4, absl::Hours(24)));
  f.Import(2);
  for (int i = 0; i < 5; ++i) f.ReportBatch(f.Sample(2), 1);
  CHECK(Sequences(f) == std::vector<uint64_t>{5, 4});
  const absl::Status status = f->GetBatch("5-3").status();
  CHECK(absl::IsNotFound(status));
  CHECK(ReasonOf(status) == "BATCH_NOT_FOUND");
  GroupReport group;
  group.prompt_id = "p0";
  CHECK(ReasonOf(f->Report(OneGroup("5-3", group), f.now())) ==
        "BATCH_NOT_FOUND");
  REQUIRE(f.Reload().ok());
  CHECK(Sequences(f) == std::vector<uint64_t>{5, 4});
}

TEST_CASE("An ended batch is forgotten when it is too old", "[unit]") {
  RunFixture f(WithRetention(1000, absl::Minutes(10)));
  f.Import(2);
  f.ReportBatch(f.Sample(2), 1);
  f.Pass(absl::Minutes(5));
  f.ReportBatch(f.Sample(2), 1);
  f.Pass(absl::Minutes(5) - absl::Microseconds(1));
  CHECK(Sequences(f) == std::vector<uint64_t>{2, 1});
  CHECK(f->NextTick() <= f.now() + absl::Seconds(1));
  f.Pass(absl::Seconds(1));
  CHECK(Sequences(f) == std::vector<uint64_t>{2});
}

TEST_CASE("A batch in flight pins all that came after it", "[unit]") {
  RunFixture f(WithRetention(2, absl::Minutes(10)));
  f.Import(4);
  const SampleResult old = f.Sample(1);
  for (int i = 0; i < 5; ++i) f.ReportBatch(f.Sample(1), 1);
  f.Pass(absl::Minutes(20));
  CHECK(Sequences(f).size() == 6);
  f.ReportBatch(old, 1);
  // By count alone two would stay; by age only the one that ended now.
  CHECK(Sequences(f).size() < 6);
  f.Pass(absl::Minutes(20));
  CHECK(Sequences(f).empty());
}

TEST_CASE("A forgotten request id may be used again", "[unit]") {
  RunFixture f(WithRetention(1, absl::Hours(1)));
  f.Import(1);
  const SampleResult first = f.Sample(1, "step");
  f.ReportBatch(first, 1);
  f.ReportBatch(f.Sample(1), 1);
  const SampleResult again = f.Sample(1, "step");
  CHECK_FALSE(again.repeated);
  CHECK(again.batch_id != first.batch_id);
}

TEST_CASE("What is forgotten leaves the store as well", "[unit]") {
  RunFixture f(WithRetention(4, absl::Hours(1)));
  f.Import(4);
  size_t most = 0;
  for (int i = 0; i < 2000; ++i) {
    f.ReportBatch(f.Sample(4), 1);
    f.Commit();
    most = std::max(most, f.store().records().size());
  }
  // Batches are deleted in ranges of hundreds, so some linger.
  CHECK(most < 4000);
  REQUIRE(f.Reload().ok());
  f.Commit();
  CHECK(f.store().records().size() < 300);
}

TEST_CASE("A prompt remembers its last deal after the batch is forgotten",
          "[unit]") {
  RunFixture f(WithRetention(1, absl::Hours(1)));
  f.Import(1);
  f.ReportBatch(f.Sample(1), 1);
  CHECK(f.Prompt("p0").last_draw.has_value());
  f.Pass(absl::Hours(2));
  CHECK(Sequences(f).empty());
  const PromptInfo prompt = f.Prompt("p0");
  CHECK(prompt.last_batch == "5-1");
  CHECK(prompt.last_dealt_clock == 0);
  CHECK_FALSE(prompt.last_draw.has_value());
  CHECK_FALSE(prompt.last_score.has_value());
  REQUIRE(f.Reload().ok());
  CHECK(f.Prompt("p0").last_batch == "5-1");
}

TEST_CASE("Batches are listed newest first, by state and by page", "[unit]") {
  RunFixture f(WithRetention(1000, absl::Hours(1)));
  f.Import(9);
  for (int i = 0; i < 7; ++i) {
    const SampleResult batch = f.Sample(1);
    if (i % 2 == 0) f.ReportBatch(batch, 1);
  }
  ListBatchesQuery query;
  query.state = BatchState::kCompleted;
  query.page_size = 3;
  const BatchPage first = f->ListBatches(query);
  REQUIRE(first.batches.size() == 3);
  CHECK(first.batches[0].sequence == 7);
  CHECK(first.batches[2].sequence == 3);
  CHECK(first.batches[0].groups.empty());
  query.before_sequence = first.next_before_sequence;
  const BatchPage second = f->ListBatches(query);
  REQUIRE(second.batches.size() == 1);
  CHECK(second.batches[0].sequence == 1);
  CHECK_FALSE(second.next_before_sequence.has_value());
}

}  // namespace
}  // namespace vade::sampling
