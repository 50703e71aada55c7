// Prompts of a run and the run itself: import, change, delete, lists, etags.
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/sampling/settings.h"
#include "storage/encoding.h"
#include "storage/keys.h"
#include "tests/catch.h"
#include "tests/engine/run_fixture.h"

namespace vade::sampling {
namespace {

ImportRequest ImportOf(const std::vector<std::string>& ids,
                       ExistingPrompts existing) {
  ImportRequest request;
  request.existing = existing;
  for (const std::string& id : ids) {
    PromptSpec spec;
    spec.id = id;
    spec.labels = {{"source", "new"}};
    request.prompts.push_back(spec);
  }
  return request;
}

std::vector<std::string> Ids(const PromptPage& page) {
  std::vector<std::string> ids;
  for (const PromptInfo& prompt : page.prompts) ids.push_back(prompt.id);
  return ids;
}

TEST_CASE("An import creates, updates or skips as it is told", "[unit]") {
  RunFixture f;
  f.Import(2);
  const auto skipped =
      f->Import(ImportOf({"p0", "p2", "p2"}, ExistingPrompts::kSkip), f.now());
  REQUIRE(skipped.ok());
  CHECK(skipped->created == 1);
  CHECK(skipped->skipped == 2);
  CHECK(f.Prompt("p0").labels.empty());
  const auto updated =
      f->Import(ImportOf({"p0", "p3"}, ExistingPrompts::kUpdate), f.now());
  REQUIRE(updated.ok());
  CHECK(updated->created == 1);
  CHECK(updated->updated == 1);
  CHECK(f.Prompt("p0").labels == Labels{{"source", "new"}});
  CHECK(f->Info().prompts == 4);
}

TEST_CASE("An import that may not find a prompt imports nothing if it does",
          "[unit]") {
  RunFixture f;
  f.Import(1);
  f.Commit();
  for (const std::vector<std::string>& ids :
       {std::vector<std::string>{"p1", "p0"},
        std::vector<std::string>{"p1", "p1"}}) {
    const absl::Status status =
        f->Import(ImportOf(ids, ExistingPrompts::kFail), f.now()).status();
    CHECK(absl::IsAlreadyExists(status));
    CHECK(ReasonOf(status) == "PROMPT_EXISTS");
    CHECK(MetadataOf(status, "prompt") == ids.back());
    CHECK(f->Info().prompts == 1);
    CHECK(f->TakeMutation().empty());
  }
}

TEST_CASE("A prompt starts with its own evidence, else with the run's",
          "[unit]") {
  SettingsSpec settings;
  settings.starting_evidence = EvidenceOf(0.25, 4);
  RunFixture f(settings);
  f.Import(1);
  PromptSpec spec;
  spec.id = "own";
  spec.evidence = Evidence{5, 0};
  f.ImportOne(spec);
  CHECK(f.Prompt("p0").evidence == Evidence{1, 3});
  CHECK(f.Prompt("own").evidence == Evidence{5, 0});
}

TEST_CASE("A prompt that is imported late has not faded yet", "[unit]") {
  SettingsSpec settings;
  settings.unselected_decay = 0.5;
  RunFixture f(settings);
  f.Import(4);
  for (int i = 0; i < 4; ++i) f.Sample(1);
  PromptSpec spec;
  spec.id = "late";
  spec.evidence = Evidence{4, 8};
  f.ImportOne(spec);
  CHECK(f.Prompt("late").evidence == Evidence{4, 8});
  f.Sample(1);
  REQUIRE(f.Reload().ok());
  f.Import(1, 4);
  f.Sample(1);
  CHECK(f.Prompt("late").evidence == Evidence{1, 2});
}

TEST_CASE("Importing again without evidence keeps what was learnt", "[unit]") {
  RunFixture f;
  f.Import(1);
  f.ReportBatch(f.Sample(1), 4);
  f.Import(1);
  CHECK(f.Prompt("p0").evidence == Evidence{4, 4});
  CHECK(f.Prompt("p0").rollouts == 8);
  PromptSpec spec;
  spec.id = "p0";
  spec.evidence = Evidence{1, 0};
  f.ImportOne(spec);
  CHECK(f.Prompt("p0").evidence == Evidence{1, 0});
  CHECK(f.Prompt("p0").rollouts == 8);
}

TEST_CASE("Changing a prompt changes what is named", "[unit]") {
  RunFixture f;
  PromptSpec spec;
  spec.id = "p0";
  spec.payload = "row";
  spec.labels = {{"source", "math"}};
  f.ImportOne(spec);
  PromptChange change;
  change.id = "p0";
  change.enabled = false;
  const auto disabled = f->UpdatePrompt(change, f.now());
  REQUIRE(disabled.ok());
  CHECK_FALSE(disabled->enabled);
  CHECK(disabled->labels == spec.labels);
  CHECK(disabled->payload_bytes == 3);
  CHECK(f->Info().disabled == 1);
  change.enabled = true;
  change.payload = "";
  change.labels = Labels{};
  REQUIRE(f->UpdatePrompt(change, f.now()).ok());
  REQUIRE(f.Reload().ok());
  CHECK(f.Prompt("p0").payload_bytes == 0);
  CHECK(f.Prompt("p0").labels.empty());
  CHECK(f->Info().disabled == 0);
  CHECK_FALSE(f.store().Get(storage::PayloadKey(3, 0))->has_value());
}

TEST_CASE("A prompt that does not exist is refused by name", "[unit]") {
  RunFixture f;
  PromptChange change;
  change.id = "stranger";
  for (const absl::Status& status : {f->GetPrompt("stranger").status(),
                                     f->UpdatePrompt(change, f.now()).status(),
                                     f->DeletePrompt("stranger", f.now())}) {
    CHECK(absl::IsNotFound(status));
    CHECK(ReasonOf(status) == "PROMPT_NOT_FOUND");
    CHECK(MetadataOf(status, "prompt") == "stranger");
  }
}

TEST_CASE("A deleted prompt is gone, and its id starts anew", "[unit]") {
  RunFixture f;
  f.Import(2);
  f.ReportBatch(f.Sample(2), 4);
  REQUIRE(f->DeletePrompt("p0", f.now()).ok());
  CHECK(ReasonOf(f->GetPrompt("p0")) == "PROMPT_NOT_FOUND");
  CHECK(f->Info().prompts == 1);
  REQUIRE(f.Reload().ok());
  CHECK(ReasonOf(f->GetPrompt("p0")) == "PROMPT_NOT_FOUND");
  f.Import(1);
  CHECK(f.Prompt("p0").index == 2);
  CHECK(f.Prompt("p0").evidence == Evidence());
  CHECK(f.Prompt("p0").deals == 0);
  REQUIRE(f.Reload().ok());
  CHECK(f.Prompt("p0").index == 2);
}

TEST_CASE("A batch still names a prompt of its that was deleted", "[unit]") {
  RunFixture f;
  f.Import(1);
  const SampleResult batch = f.Sample(1, "step");
  REQUIRE(f->DeletePrompt("p0", f.now()).ok());
  CHECK(f->Info().in_flight == 0);
  REQUIRE(f.Reload().ok());
  CHECK(f.Batch(batch.batch_id).groups[0].prompt.id == "p0");
  CHECK(f.Sample(1, "step").prompts[0].id == "p0");
  CHECK(f->Release(batch.batch_id, {"p0"}, f.now()).ok());
}

TEST_CASE("Prompts are listed by view, filter, order and page", "[unit]") {
  RunFixture f;
  for (int i = 0; i < 10; ++i) {
    PromptSpec spec;
    spec.id = absl::StrCat("p", i);
    spec.enabled = i != 3;
    spec.labels = {{"parity", i % 2 == 0 ? "even" : "odd"}};
    spec.evidence = Evidence{static_cast<double>((i * 7) % 10), 1};
    f.ImportOne(spec);
  }
  ListPromptsQuery query;
  CHECK(f->ListPrompts(query).total == 10);
  query.view = PromptView::kDisabled;
  CHECK(Ids(f->ListPrompts(query)) == std::vector<std::string>{"p3"});
  query.view = PromptView::kAll;
  query.filter = {{"parity", {"odd"}}};
  query.order = PromptOrder::kEvidence;
  query.descending = true;
  query.page_size = 2;
  // Evidence of p1, p3, p5, p7, p9: 7, 1, 5, 9, 3 (and 1 each).
  std::vector<std::string> all;
  do {
    const PromptPage page = f->ListPrompts(query);
    CHECK(page.total == 5);
    CHECK(page.prompts.size() <= 2);
    for (const std::string& id : Ids(page)) all.push_back(id);
    query.after = page.next;
  } while (query.after.has_value());
  CHECK(all == std::vector<std::string>{"p7", "p1", "p5", "p9", "p3"});
}

TEST_CASE("Pages of equal keys neither repeat nor miss a prompt", "[unit]") {
  const bool descending = GENERATE(false, true);
  RunFixture f;
  f.Import(7);
  ListPromptsQuery query;
  query.order = PromptOrder::kPosteriorMean;
  query.descending = descending;
  query.page_size = 3;
  std::vector<std::string> all;
  do {
    const PromptPage page = f->ListPrompts(query);
    for (const std::string& id : Ids(page)) all.push_back(id);
    query.after = page.next;
  } while (query.after.has_value());
  CHECK(all ==
        std::vector<std::string>{"p0", "p1", "p2", "p3", "p4", "p5", "p6"});
}

TEST_CASE("Views tell prompts never dealt, never solved and in flight",
          "[unit]") {
  RunFixture f;
  f.Import(1);
  f.ReportBatch(f.Sample(1), 0);
  f.Import(1, 1);
  ListPromptsQuery query;
  query.view = PromptView::kNeverSolved;
  CHECK(Ids(f->ListPrompts(query)) == std::vector<std::string>{"p0"});
  query.view = PromptView::kNeverDealt;
  CHECK(Ids(f->ListPrompts(query)) == std::vector<std::string>{"p1"});
  f.Sample(2);
  query.view = PromptView::kInFlight;
  CHECK(f->ListPrompts(query).total == 2);
}

TEST_CASE("An export gives every prompt once, in order of import", "[unit]") {
  RunFixture f;
  f.Import(10);
  REQUIRE(f->DeletePrompt("p4", f.now()).ok());
  std::string all;
  std::optional<uint32_t> next = 0;
  while (next.has_value()) {
    const PromptChunk chunk = f->Export({}, *next, 3);
    CHECK(chunk.prompts.size() <= 3);
    for (const PromptInfo& prompt : chunk.prompts) all += prompt.id + " ";
    next = chunk.next;
  }
  CHECK(all == "p0 p1 p2 p3 p5 p6 p7 p8 p9 ");
}

TEST_CASE("An update with an old etag changes nothing", "[unit]") {
  RunFixture f;
  RunChange change;
  change.etag = EtagOf(f->record());
  change.display_name = "first";
  const auto first = f->Update(change, f.now());
  REQUIRE(first.ok());
  CHECK(first->record.revision == 2);
  CHECK(first->record.display_name == "first");
  change.display_name = "second";
  const absl::Status status = f->Update(change, f.now()).status();
  CHECK(absl::IsAborted(status));
  CHECK(ReasonOf(status) == "ETAG_MISMATCH");
  CHECK(MetadataOf(status, "etag") == EtagOf(f->record()));
  CHECK(f->Info().record.display_name == "first");
  REQUIRE(f.Reload().ok());
  CHECK(f->Info().record.display_name == "first");
  CHECK(f->Info().record.revision == 2);
}

TEST_CASE("A deleted run leaves nothing in the store and answers so",
          "[unit]") {
  RunFixture f;
  f.Import(3);
  f.Sample(2);
  f.Commit();
  CHECK(ReasonOf(f->Delete("7")) == "ETAG_MISMATCH");
  CHECK(f->TakeMutation().empty());
  REQUIRE(f->Delete(EtagOf(f->record())).ok());
  f.Commit();
  CHECK(f.store().records().empty());
  CHECK(ReasonOf(f->Sample(RequestOf(1), f.now())) == "RUN_NOT_FOUND");
  CHECK(ReasonOf(f->Update({}, f.now())) == "RUN_NOT_FOUND");
  CHECK(ReasonOf(f->Report({}, f.now())) == "RUN_NOT_FOUND");
  CHECK(ReasonOf(f->Delete("")) == "RUN_NOT_FOUND");
  f->Tick(f.now() + absl::Hours(100));
  CHECK(f->TakeMutation().empty());
}

TEST_CASE("A load that finds a record missing is data loss", "[unit]") {
  const std::string key =
      GENERATE(storage::ProgressKey(3), storage::BatchKey(3, 1),
               storage::PromptInfoKey(3, 0));
  RunFixture f;
  f.Import(4);
  f.Sample(2);
  f.Sample(2);
  f.Commit();
  storage::Mutation damage;
  damage.Delete(key);
  REQUIRE(f.store().Write(damage).ok());
  const absl::Status status = f.Reload();
  INFO(status.ToString());
  CHECK(absl::IsDataLoss(status));
  CHECK(ReasonOf(status) == "CORRUPT_RECORD");
  CHECK(MetadataOf(status, "table") != "(none)");
}

TEST_CASE("A load that meets any damaged record is data loss", "[unit]") {
  RunFixture f;
  f.Import(3);
  const SampleResult batch = f.Sample(2);
  f.Report(batch.batch_id, batch.prompts[0].id, {1, 0});
  f.Commit();
  const storage::RunRecord record = f->record();
  const auto intact = f.store().records();
  for (const auto& [key, value] : intact) {
    if (storage::TableName(key) == "payload" || key == storage::RunKey(3)) {
      continue;
    }
    INFO(storage::TableName(key));
    std::string damaged = value;
    damaged[damaged.size() / 2] ^= 4;
    storage::Mutation damage;
    damage.Put(key, damaged);
    REQUIRE(f.store().Write(damage).ok());
    const auto loaded = Run::Load(record, f.store(), f.now());
    CHECK(absl::IsDataLoss(loaded.status()));
    CHECK(storage::KeyOf(loaded.status()) == key);
    damage.Clear();
    damage.Put(key, value);
    REQUIRE(f.store().Write(damage).ok());
  }
  CHECK(Run::Load(record, f.store(), f.now()).ok());
}

storage::RunRecord LimitedRecord() {
  storage::RunRecord record;
  record.number = 1;
  record.id = "limited";
  record.epoch = kTestEpoch;
  record.settings = *ResolveSettings(SettingsSpec(), 1);
  return record;
}

ImportRequest ImportOf(const std::vector<std::string>& ids) {
  ImportRequest request;
  for (const std::string& id : ids) request.prompts.emplace_back().id = id;
  return request;
}

TEST_CASE("A run takes no more prompts than it may, deleted ones included",
          "[unit]") {
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  const auto run = *Run::Create(LimitedRecord(), {.prompts = 3});
  REQUIRE(run->Import(ImportOf({"a", "b"}), now).ok());
  REQUIRE(run->DeletePrompt("a", now).ok());
  const absl::Status status =
      run->Import(ImportOf({"b", "c", "d"}), now).status();
  CHECK(absl::IsResourceExhausted(status));
  CHECK(ReasonOf(status) == "TOO_MANY_PROMPTS");
  CHECK(run->Info().prompts == 1);
  CHECK(run->Import(ImportOf({"b", "c", "c"}), now).ok());
}

TEST_CASE("A batch that stays in flight bounds the batches after it",
          "[unit]") {
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  storage::RunRecord record = LimitedRecord();
  record.settings.retained_deals = 1;
  const auto run = *Run::Create(record, {.batches = 3});
  REQUIRE(run->Import(ImportOf({"a", "b"}), now).ok());
  const std::string oldest = run->Sample(RequestOf(1), now)->batch_id;
  for (int i = 0; i < 2; ++i) {
    const auto batch = run->Sample(RequestOf(1), now);
    REQUIRE(batch.ok());
    REQUIRE(run->Release(batch->batch_id, {}, now).ok());
  }
  const absl::Status status = run->Sample(RequestOf(1), now).status();
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(ReasonOf(status) == "TOO_MANY_BATCHES");
  CHECK(MetadataOf(status, "batch") == oldest);
  REQUIRE(run->Release(oldest, {}, now).ok());
  run->Tick(now);
  CHECK(run->Sample(RequestOf(1), now).ok());
}

TEST_CASE("The most evidence there ever was is known after a restart",
          "[unit]") {
  RunFixture f;
  CHECK(f->progress().max_evidence == 0);
  PromptSpec spec;
  spec.id = "imported";
  spec.evidence = Evidence{2, 3.5};
  f.ImportOne(spec);
  CHECK(f->progress().max_evidence == 5.5);
  const SampleResult batch = f.Sample(1);
  f.ReportBatch(batch, 4);
  const double reported = f->progress().max_evidence;
  CHECK(reported > 8);
  PromptChange change;
  change.id = "imported";
  change.evidence = Evidence{20, 0};
  REQUIRE(f->UpdatePrompt(change, f.now()).ok());
  change.evidence = Evidence{1, 1};
  REQUIRE(f->UpdatePrompt(change, f.now()).ok());
  CHECK(f->progress().max_evidence == 20);
  REQUIRE(f.Reload().ok());
  CHECK(f->progress().max_evidence == 20);
}

TEST_CASE("A run of before there was a maximum finds it as it loads",
          "[unit]") {
  RunFixture f;
  PromptSpec spec;
  for (int i = 0; i < 3; ++i) {
    spec.id = absl::StrCat("p", i);
    spec.evidence = Evidence{i + 1.0, 2};
    f.ImportOne(spec);
  }
  f.Commit();
  const std::string key = storage::ProgressKey(f->record().number);
  storage::RunProgress progress = f->progress();
  progress.max_evidence = 0;  // as version 1 of the record decodes
  storage::Mutation mutation;
  mutation.Put(key, storage::Encode(key, progress));
  REQUIRE(f.store().Write(mutation).ok());
  REQUIRE(f.Reload().ok());
  CHECK(f->progress().max_evidence == 5);
}

}  // namespace
}  // namespace vade::sampling
