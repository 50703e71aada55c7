// Sampling of a run: who is eligible, the clock, repeats, refusals.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/catch.h"
#include "tests/engine/run_fixture.h"

namespace vade::sampling {
namespace {

std::vector<std::string> Ids(const SampleResult& batch) {
  std::vector<std::string> ids;
  for (const SampledPrompt& prompt : batch.prompts) ids.push_back(prompt.id);
  return ids;
}

TEST_CASE("A batch deals distinct prompts and says why each was picked",
          "[unit]") {
  RunFixture f;
  f.Import(20);
  const SampleResult batch = f.Sample(8);
  CHECK(batch.prompts.size() == 8);
  CHECK(batch.batch_size == 8);
  CHECK(batch.group_size == 8);
  CHECK(batch.clock == 0);
  CHECK_FALSE(batch.repeated);
  CHECK(batch.expire_time == f.now() + absl::Minutes(30));
  std::set<std::string> distinct;
  double egr = 0;
  for (const SampledPrompt& prompt : batch.prompts) {
    distinct.insert(prompt.id);
    CHECK(prompt.draw > 0);
    CHECK(prompt.draw < 1);
    CHECK(prompt.score ==
          Approx(prompt.draw * (1 - prompt.draw) * (1 - prompt.draw)));
    CHECK(prompt.posterior_mean == 0.5);
    // Beta(1, 1) and a group of 8: 1 - 2 / 9.
    CHECK(prompt.expected_egr == Approx(7.0 / 9));
    egr += prompt.expected_egr / 8;
  }
  CHECK(distinct.size() == 8);
  CHECK(batch.expected_egr == Approx(egr));
  CHECK(std::is_sorted(batch.prompts.begin(), batch.prompts.end(),
                       [](const SampledPrompt& a, const SampledPrompt& b) {
                         return a.score > b.score;
                       }));
}

TEST_CASE("A prompt in flight is not dealt again until its group completes",
          "[unit]") {
  RunFixture f;
  f.Import(6);
  const SampleResult first = f.Sample(4);
  const SampleResult second = f.Sample(2);
  for (const std::string& id : Ids(second)) {
    const std::vector<std::string> in_flight = Ids(first);
    CHECK(std::count(in_flight.begin(), in_flight.end(), id) == 0);
  }
  CHECK(ReasonOf(f->Sample(RequestOf(1), f.now())) == "NOT_ENOUGH_ELIGIBLE");
  f.Report(first.batch_id, first.prompts[2].id, std::vector<double>(8, 1));
  CHECK(Ids(f.Sample(1)) == std::vector<std::string>{first.prompts[2].id});
}

TEST_CASE("Each batch advances the clock by one if there is no reference",
          "[unit]") {
  RunFixture f;
  f.Import(20);
  CHECK(f.Sample(4).clock == 0);
  CHECK(f.Sample(1).clock == 1);
  CHECK(f->Info().clock == 2);
}

TEST_CASE("The clock advances by dealt prompts over the reference", "[unit]") {
  SettingsSpec spec;
  spec.reference_batch_size = 8;
  RunFixture f(spec);
  f.Import(20);
  CHECK(f.Sample(8).clock == 0);
  CHECK(f.Sample(2).clock == 1);
  CHECK(f.Sample(2).clock == 1.25);
  CHECK(f->Info().clock == 1.5);
  CHECK(f->Info().batches == 3);
}

TEST_CASE("Fewer prompts than wanted are dealt if the minimum allows",
          "[unit]") {
  RunFixture f;
  f.Import(5);
  SampleRequest request = RequestOf(8);
  request.min_batch_size = 5;
  const auto batch = f->Sample(request, f.now());
  REQUIRE(batch.ok());
  CHECK(batch->prompts.size() == 5);
  CHECK(batch->batch_size == 5);
}

TEST_CASE("A run with too few prompts says why each is not to be had",
          "[unit]") {
  RunFixture f;
  f.Import(3);
  PromptSpec other;
  other.id = "other";
  other.labels = {{"source", "math"}};
  f.ImportOne(other);
  other.id = "off";
  other.enabled = false;
  f.ImportOne(other);
  SampleRequest request = RequestOf(2);
  request.filter = {{"source", {"math", "code"}}};
  const absl::Status status = f->Sample(request, f.now()).status();
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(ReasonOf(status) == "POOL_TOO_SMALL");
  CHECK(MetadataOf(status, "wanted") == "2");
  CHECK(MetadataOf(status, "total") == "5");
  CHECK(MetadataOf(status, "disabled") == "1");
  CHECK(MetadataOf(status, "filtered_out") == "3");
  CHECK(MetadataOf(status, "in_flight") == "0");
  CHECK(MetadataOf(status, "cooling_down") == "0");
  CHECK(MetadataOf(status, "eligible") == "1");
  CHECK(f->Info().batches == 0);
  CHECK(f->Info().clock == 0);
}

TEST_CASE("Prompts that are in flight or cooling make it a matter of waiting",
          "[unit]") {
  SettingsSpec spec;
  spec.cooldown = 10;
  RunFixture f(spec);
  f.Import(4);
  const SampleResult batch = f.Sample(2);
  f.Report(batch.batch_id, batch.prompts[0].id, std::vector<double>(8, 0));
  const absl::Status status = f->Sample(RequestOf(3), f.now()).status();
  CHECK(absl::IsResourceExhausted(status));
  CHECK(ReasonOf(status) == "NOT_ENOUGH_ELIGIBLE");
  CHECK(MetadataOf(status, "in_flight") == "1");
  CHECK(MetadataOf(status, "cooling_down") == "1");
  CHECK(MetadataOf(status, "eligible") == "2");
}

TEST_CASE("A prompt that cools down is dealt again once the clock is there",
          "[unit]") {
  SettingsSpec spec;
  spec.cooldown = 2;
  RunFixture f(spec);
  f.Import(1);
  f.ReportBatch(f.Sample(1), 4);
  CHECK(ReasonOf(f->Sample(RequestOf(1), f.now())) == "NOT_ENOUGH_ELIGIBLE");
  f.Import(1, 1);
  const SampleResult other = f.Sample(1);
  CHECK(other.prompts[0].id == "p1");
  CHECK(other.clock == 1);
  // The clock is 2 now, and p0 was dealt at 0.
  CHECK(f.Sample(1).prompts[0].id == "p0");
}

TEST_CASE("A repeat of a request id is the same batch and deals nothing",
          "[unit]") {
  RunFixture f;
  f.Import(20);
  const SampleResult first = f.Sample(8, "step-1");
  f.Advance(absl::Seconds(7));
  const SampleResult again = f.Sample(8, "step-1");
  CHECK(again.repeated);
  CHECK(again.batch_id == first.batch_id);
  CHECK(Ids(again) == Ids(first));
  for (size_t i = 0; i < 8; ++i) {
    CHECK(again.prompts[i].draw == first.prompts[i].draw);
  }
  CHECK(again.expire_time == first.expire_time);
  CHECK(f->Info().batches == 1);
  CHECK(f->HasRequestId("step-1"));
  CHECK_FALSE(f->HasRequestId("step-2"));
  REQUIRE(f.Reload().ok());
  CHECK(Ids(f.Sample(8, "step-1")) == Ids(first));
}

TEST_CASE("A repeat after the batch has ended is still that batch", "[unit]") {
  RunFixture f;
  f.Import(8);
  const SampleResult first = f.Sample(4, "step-1");
  f.ReportBatch(first, 2);
  CHECK(f.Batch(first.batch_id).state == storage::BatchState::kCompleted);
  CHECK(Ids(f.Sample(4, "step-1")) == Ids(first));
}

TEST_CASE("A request id with other arguments is refused", "[unit]") {
  RunFixture f;
  f.Import(20);
  const SampleResult first = f.Sample(8, "step-1");
  std::vector<SampleRequest> others(3, RequestOf(8, "step-1"));
  others[0].batch_size = 9;
  others[1].min_batch_size = 7;
  others[2].filter = {{"source", {"math"}}};
  for (const SampleRequest& request : others) {
    const absl::Status status = f->Sample(request, f.now()).status();
    CHECK(absl::IsInvalidArgument(status));
    CHECK(ReasonOf(status) == "REQUEST_ID_REUSED");
    CHECK(MetadataOf(status, "batch") == first.batch_id);
    CHECK(MetadataOf(status, "request_id") == "step-1");
  }
  SampleRequest same = RequestOf(8, "step-1");
  same.lease_ttl = absl::Hours(1);
  same.include_payloads = true;
  CHECK(f->Sample(same, f.now()).ok());
}

TEST_CASE("Shards of one request are disjoint and make up the batch",
          "[unit]") {
  RunFixture f;
  f.Import(20);
  const std::vector<std::string> whole = Ids(f.Sample(10, "step"));
  std::vector<std::string> joined;
  std::vector<size_t> sizes;
  for (uint32_t index = 0; index < 4; ++index) {
    SampleRequest request = RequestOf(10, "step");
    request.shard = {index, 4};
    const auto part = f->Sample(request, f.now());
    REQUIRE(part.ok());
    CHECK(part->batch_size == 10);
    sizes.push_back(part->prompts.size());
    for (const std::string& id : Ids(*part)) joined.push_back(id);
  }
  CHECK(joined == whole);
  CHECK(sizes == std::vector<size_t>{2, 3, 2, 3});
}

TEST_CASE("A shard beyond the size of its batch is empty", "[unit]") {
  RunFixture f;
  f.Import(2);
  size_t prompts = 0;
  for (uint32_t index = 0; index < 5; ++index) {
    SampleRequest request = RequestOf(2, "step");
    request.shard = {index, 5};
    const auto part = f->Sample(request, f.now());
    REQUIRE(part.ok());
    prompts += part->prompts.size();
  }
  CHECK(prompts == 2);
}

TEST_CASE("A filter needs a label of every term", "[unit]") {
  RunFixture f;
  for (int i = 0; i < 8; ++i) {
    PromptSpec spec;
    spec.id = absl::StrCat("p", i);
    spec.labels = {{"level", absl::StrCat(i % 2)},
                   {"source", absl::StrCat(i / 2)}};
    f.ImportOne(spec);
  }
  f.Import(1, 8);  // without labels
  SampleRequest request = RequestOf(9);
  request.min_batch_size = 1;
  request.filter = {{"level", {"1"}}, {"source", {"0", "2", "9"}}};
  const auto batch = f->Sample(request, f.now());
  REQUIRE(batch.ok());
  const std::vector<std::string> ids = Ids(*batch);
  CHECK(std::set<std::string>(ids.begin(), ids.end()) ==
        std::set<std::string>{"p1", "p5"});
}

TEST_CASE("A batch keeps the group size it was sampled with", "[unit]") {
  RunFixture f;
  f.Import(4);
  const SampleResult before = f.Sample(1);
  RunChange change;
  change.group_size = 2;
  REQUIRE(f->Update(change, f.now()).ok());
  const SampleResult after = f.Sample(1);
  CHECK(before.group_size == 8);
  CHECK(after.group_size == 2);
  CHECK(
      f.Report(after.batch_id, after.prompts[0].id, {1, 0}).completed_groups ==
      1);
  CHECK(f.Report(before.batch_id, before.prompts[0].id, {1, 0})
            .completed_groups == 0);
  CHECK(f.Batch(before.batch_id).group_size == 8);
}

TEST_CASE("Payloads beyond what an answer carries lease nothing", "[unit]") {
  RunFixture f;
  const std::string payload(size_t{1} << 20, 'x');
  for (int i = 0; i < 66; ++i) {
    PromptSpec spec;
    spec.id = absl::StrCat("p", i);
    spec.payload = payload;
    f.ImportOne(spec);
    f.Commit();
  }
  SampleRequest request = RequestOf(65, "step");
  request.include_payloads = true;
  const absl::Status status = f->Sample(request, f.now()).status();
  CHECK(absl::IsResourceExhausted(status));
  CHECK(ReasonOf(status) == "PAYLOADS_TOO_LARGE");
  CHECK(MetadataOf(status, "bytes") == absl::StrCat(uint64_t{65} << 20));
  CHECK(f->Info().in_flight == 0);
  CHECK(f->Info().batches == 0);
  request.shard = {0, 2};
  const auto half = f->Sample(request, f.now());
  CHECK(half.ok());
}

TEST_CASE("A repeat whose payloads are too large changes nothing", "[unit]") {
  RunFixture f;
  f.Import(2);
  const SampleResult batch = f.Sample(2, "step");
  f.Commit();
  SampleRequest request = RequestOf(2, "step");
  request.include_payloads = true;
  CHECK(f->Sample(request, f.now())->batch_id == batch.batch_id);
  CHECK(f->TakeMutation().empty());
}

TEST_CASE("A uniform run deals every prompt once before any twice", "[unit]") {
  SettingsSpec spec;
  spec.policy = "uniform";
  spec.group_size = 1;
  RunFixture f(spec);
  f.Import(12);
  for (int pass = 0; pass < 3; ++pass) {
    std::set<std::string> seen;
    for (int i = 0; i < 4; ++i) {
      const SampleResult batch = f.Sample(3);
      for (const std::string& id : Ids(batch)) seen.insert(id);
      f.ReportBatch(batch, 1);
      if (i == 1) REQUIRE(f.Reload().ok());
    }
    CHECK(seen.size() == 12);
  }
}

TEST_CASE("A uniform run gives released and expired prompts their turn again",
          "[unit]") {
  SettingsSpec spec;
  spec.policy = "uniform";
  spec.group_size = 1;
  RunFixture f(spec);
  f.Import(10);
  const SampleResult released = f.Sample(3);
  REQUIRE(f->Release(released.batch_id, {}, f.now()).ok());
  const SampleResult expired = f.Sample(2);
  f.Pass(absl::Hours(1));
  CHECK(f.Batch(expired.batch_id).state == storage::BatchState::kExpired);
  std::set<std::string> seen;
  for (int i = 0; i < 5; ++i) {
    const SampleResult batch = f.Sample(2);
    for (const std::string& id : Ids(batch)) seen.insert(id);
    f.ReportBatch(batch, 1);
  }
  CHECK(seen.size() == 10);
}

TEST_CASE("A greedy run deals the prompt whose mean is nearest to a third",
          "[unit]") {
  SettingsSpec spec;
  spec.policy = "greedy";
  RunFixture f(spec);
  for (int i = 1; i < 10; ++i) {
    PromptSpec prompt;
    prompt.id = absl::StrCat("p", i);
    prompt.evidence = Evidence{i * 10.0 - 1, 100 - i * 10.0 - 1};
    f.ImportOne(prompt);
  }
  // Means of 0.1 to 0.9; deficits rise 0.3, 0.4, 0.2, 0.5.
  CHECK(Ids(f.Sample(4)) == std::vector<std::string>{"p3", "p4", "p2", "p5"});
}

}  // namespace
}  // namespace vade::sampling
