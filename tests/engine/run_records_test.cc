// What a run writes, record by record, and that it is all that there is to
// know: a run that is loaded goes on as the one that wrote.
#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/sampling/run.h"
#include "storage/encoding.h"
#include "storage/keys.h"
#include "tests/catch.h"
#include "tests/engine/run_fixture.h"

namespace vade::sampling {
namespace {

using storage::Table;

constexpr uint32_t kRunNumber = 3;

// How many records of each table the mutation puts, and deletes (negative).
std::map<Table, int> Records(const storage::Mutation& mutation) {
  std::map<Table, int> records;
  for (const storage::Change& change : mutation.changes()) {
    const auto key = storage::ParseKey(change.key);
    REQUIRE(key.ok());
    records[key->table] += change.kind == storage::Change::Kind::kPut ? 1 : -1;
  }
  return records;
}

// Those of the next commit of `f`, which is made.
std::map<Table, int> CommitAndCount(RunFixture& f) {
  const storage::Mutation mutation = f->TakeMutation();
  REQUIRE(f.store().Write(mutation).ok());
  return Records(mutation);
}

SettingsSpec GroupsOf(uint32_t group_size) {
  SettingsSpec spec;
  spec.group_size = group_size;
  return spec;
}

TEST_CASE("A batch of any size is one record, and the run's own", "[unit]") {
  RunFixture f;
  f.Import(300);
  f.Commit();
  f.Sample(GENERATE(1u, 256u));
  CHECK(CommitAndCount(f) == std::map<Table, int>{{Table::kBatch, 1},
                                                  {Table::kProgress, 1},
                                                  {Table::kSeries, 1}});
}

TEST_CASE("A report of a whole batch is one record, the lease's and the run's",
          "[unit]") {
  RunFixture f;
  f.Import(300);
  const SampleResult batch = f.Sample(GENERATE(1u, 256u));
  f.Commit();
  f.ReportBatch(batch, 1);
  const storage::Mutation mutation = f->TakeMutation();
  CHECK(Records(mutation) == std::map<Table, int>{{Table::kGroups, 1},
                                                  {Table::kLease, 1},
                                                  {Table::kProgress, 1},
                                                  {Table::kSeries, 1}});
  CHECK(mutation.bytes() < 1000 + 120 * batch.prompts.size());
}

TEST_CASE("A report of few groups writes no others", "[unit]") {
  RunFixture f;
  f.Import(16);
  const SampleResult batch = f.Sample(16);
  f.Commit();
  f.Report(batch.batch_id, batch.prompts[3].id, {1});
  f.Report(batch.batch_id, batch.prompts[9].id, {1, 0});
  CHECK(CommitAndCount(f) == std::map<Table, int>{{Table::kGroup, 2},
                                                  {Table::kProgress, 1},
                                                  {Table::kSeries, 1}});
  // All of them together make those two redundant.
  f.ReportBatch(batch, 1);
  CHECK(CommitAndCount(f)[Table::kGroup] == -2);
  REQUIRE(f.Reload().ok());
  CHECK(f.Batch(batch.batch_id).completed == 16);
  CHECK(f.Prompt(batch.prompts[3].id).rollouts == 8);
}

TEST_CASE("A batch of which nothing was stored frees its prompts as before",
          "[unit]") {
  RunFixture f;
  f.Import(4);
  const SampleResult batch = f.Sample(4);
  REQUIRE(f.Reload().ok());
  CHECK(f.Prompt("p0").in_flight);
  CHECK(f.Prompt("p0").deals == 1);
  CHECK(f.Batch(batch.batch_id).expire_time == batch.expire_time);
  f.Pass(absl::Hours(100));
  CHECK(CommitAndCount(f)[Table::kLease] == 1);
  REQUIRE(f.Reload().ok());
  CHECK_FALSE(f.Prompt("p0").in_flight);
  CHECK(f.Prompt("p0").deals == 1);
}

TEST_CASE("What a forgotten batch alone knew of a prompt is kept", "[unit]") {
  SettingsSpec spec = GroupsOf(2);
  spec.retained_deals = 4;
  RunFixture f(spec);
  f.Import(12);
  std::vector<SampleResult> batches;
  for (int i = 0; i < 3; ++i) {
    batches.push_back(f.Sample(4));
    f.ReportBatch(batches.back(), 1);
    f.Commit();
  }
  REQUIRE(ReasonOf(f->GetBatch(batches[0].batch_id)) == "BATCH_NOT_FOUND");
  for (const SampledPrompt& prompt : batches[0].prompts) {
    const PromptInfo before = f.Prompt(prompt.id);
    REQUIRE(f.Reload().ok());
    CHECK(f.Prompt(prompt.id).rollouts == before.rollouts);
    CHECK(f.Prompt(prompt.id).evidence == before.evidence);
  }
}

SampleRequest RequestOfLabel(uint32_t size, const std::string& key) {
  SampleRequest request = RequestOf(size);
  request.filter = {{key, {"yes"}}};
  return request;
}

// Deals those with the label, reports them, and has their batch forgotten.
// What the commit had that forgot it.
std::map<Table, int> DealAndForget(RunFixture& f, uint32_t size,
                                   const std::string& key) {
  const auto batch = f->Sample(RequestOfLabel(size, key), f.now());
  REQUIRE(batch.ok());
  f.Commit();
  f.ReportBatch(*batch, 1);
  f.Commit();
  f.Pass(absl::Hours(1));
  return CommitAndCount(f);
}

TEST_CASE("States of a forgotten batch are one record, while half are new",
          "[unit]") {
  constexpr uint32_t kPrompts = 8;
  SettingsSpec spec = GroupsOf(2);
  spec.retention_age = absl::Minutes(1);
  RunLimits limits;
  limits.states_together = 2;
  RunFixture f(spec, limits);
  for (uint32_t i = 0; i < kPrompts; ++i) {
    PromptSpec prompt;
    prompt.id = absl::StrCat("p", i);
    prompt.labels = {{"all", "yes"}, {absl::StrCat("p", i), "yes"}};
    f.ImportOne(prompt);
  }
  const auto first = DealAndForget(f, kPrompts, "all");
  CHECK(first.at(Table::kStates) == 1);
  CHECK(first.count(Table::kPromptState) == 0);
  for (uint32_t i = 0; i < kPrompts; ++i) {
    CAPTURE(i);
    std::map<Table, int> expected = {{Table::kPromptState, 1}};
    // Of eight, four are left, then two; one is too few.
    if (i == 3 || i == 5) expected[Table::kStates] = 1;
    if (i == 6) expected = {{Table::kPromptState, 2}, {Table::kStates, -1}};
    const auto records = DealAndForget(f, 1, absl::StrCat("p", i));
    for (const Table table : {Table::kPromptState, Table::kStates}) {
      CHECK((records.count(table) > 0 ? records.at(table) : 0) ==
            expected[table]);
    }
    REQUIRE(f.Reload().ok());
    for (uint32_t k = 0; k < kPrompts; ++k) {
      CHECK(f.Prompt(absl::StrCat("p", k)).rollouts == (k <= i ? 4 : 2));
    }
  }
}

TEST_CASE("A record of states that cannot be is data loss", "[unit]") {
  RunFixture f;
  f.Import(4);
  f.ReportBatch(f.Sample(4), 1);
  f.Commit();
  const auto load_with = [&](uint64_t sequence, uint32_t prompt,
                             uint64_t dealt_by) {
    storage::StoredStates states;
    states.prompts.resize(1);
    states.prompts[0].prompt_index = prompt;
    states.prompts[0].state.dealt_sequence = dealt_by;
    const std::string key = storage::StatesKey(kRunNumber, sequence);
    storage::Mutation mutation;
    mutation.Put(key, storage::Encode(key, states));
    REQUIRE(f.store().Write(mutation).ok());
    const std::string reason = ReasonOf(f.Reload());
    mutation.Clear();
    mutation.Delete(key);
    REQUIRE(f.store().Write(mutation).ok());
    return reason;
  };
  CHECK(load_with(0, 0, 0).empty());
  CHECK(load_with(0, 4, 0) == "CORRUPT_RECORD");
  CHECK(load_with(0, 0, 1) == "CORRUPT_RECORD");
  CHECK(load_with(1, 0, 1) == "CORRUPT_RECORD");
}

TEST_CASE("A run of the first record versions is read, and written on",
          "[unit]") {
  RunFixture f(GroupsOf(2));
  f.Import(4);
  const SampleResult first = f.Sample(4);
  f.Report(first.batch_id, first.prompts[0].id, {1, 0});
  f.Commit();
  // As version 1 had it: each state and each group under its own key, and a
  // lease from the beginning.
  storage::Mutation old;
  const storage::LeaseRecord lease = {
      storage::BatchState::kInFlight, absl::ToInt64Microseconds(absl::Hours(1)),
      absl::ToUnixMicros(f.now() + absl::Hours(1)), 0};
  const std::string lease_key = storage::LeaseKey(kRunNumber, 1);
  old.Put(lease_key, storage::Encode(lease_key, lease));
  for (uint32_t i = 0; i < 4; ++i) {
    const std::string group_key = storage::GroupKey(kRunNumber, 1, i);
    const auto stored = f.store().Get(group_key);
    REQUIRE(stored.ok());
    if (!stored->has_value()) continue;
    auto group = storage::DecodeGroup(group_key, **stored);
    REQUIRE(group.ok());
    REQUIRE(group->prompt.has_value());
    const uint32_t index = f.Prompt(first.prompts[i].id).index;
    const std::string key = storage::PromptStateKey(kRunNumber, index);
    old.Put(key, storage::Encode(key, *group->prompt));
    group->prompt.reset();
    old.Put(group_key, storage::Encode(group_key, *group));
  }
  REQUIRE(old.size() > 1);
  REQUIRE(f.store().Write(old).ok());
  const PromptInfo before = f.Prompt(first.prompts[0].id);
  REQUIRE(f.Reload().ok());
  CHECK(f.Prompt(first.prompts[0].id).evidence == before.evidence);
  CHECK(f.Prompt(first.prompts[0].id).deals == 1);
  CHECK(f.Batch(first.batch_id).expire_time == f.now() + absl::Hours(1));
  f.ReportBatch(first, 2);
  REQUIRE(f.Reload().ok());
  CHECK(f.Batch(first.batch_id).completed == 4);
  CHECK(f.Prompt(first.prompts[1].id).rollouts == 2);
}

// ---- A loaded run goes on as the one that wrote

void Describe(const SampleResult& batch, std::string& text) {
  absl::StrAppend(&text, batch.batch_id, absl::FormatTime(batch.expire_time));
  for (const SampledPrompt& prompt : batch.prompts) {
    absl::StrAppend(&text, " ", prompt.id,
                    absl::StrFormat("%.17g", prompt.draw),
                    absl::StrFormat("%.17g", prompt.posterior_mean));
  }
}

// All that a caller can see of the run.
std::string Describe(const Run& run, int prompts,
                     const std::vector<std::string>& batches) {
  std::string text;
  for (int i = 0; i < prompts; ++i) {
    const auto prompt = run.GetPrompt(absl::StrCat("p", i));
    if (!prompt.ok()) continue;
    absl::StrAppend(
        &text, "\n", prompt->id, " ", prompt->enabled, prompt->in_flight, " ",
        absl::StrFormat("%.17g %.17g %.17g", prompt->evidence.alpha,
                        prompt->evidence.beta, prompt->successes),
        " ", prompt->deals, " ", prompt->rollouts, " ", prompt->last_batch, " ",
        prompt->last_dealt_clock.value_or(-1), " ",
        prompt->last_draw.value_or(-1));
  }
  for (const std::string& id : batches) {
    const auto batch = run.GetBatch(id);
    if (!batch.ok()) continue;
    absl::StrAppend(&text, "\n", id, " ", static_cast<int>(batch->state), " ",
                    absl::FormatTime(batch->expire_time), " ", batch->in_flight,
                    " ", batch->completed);
    for (const GroupInfo& group : batch->groups) {
      absl::StrAppend(&text, " ", group.prompt.id, ":",
                      static_cast<int>(group.state), ",", group.rewards, ",",
                      group.failed, ",", group.successes, group.varied);
    }
  }
  const storage::RunProgress& totals = run.progress();
  absl::StrAppend(&text, "\n", totals.deals, " ", totals.rollouts, " ",
                  totals.duplicate_rollouts, " ", totals.late_rollouts, " ",
                  totals.superseded_rollouts, " ", totals.groups, " ",
                  totals.released_groups, " ", totals.expired_groups);
  return text;
}

// One change drawn at random, to be made in several runs alike.
struct RandomChange {
  int kind = 0;
  uint32_t size = 1;
  std::string batch;
  std::string prompt;
  GroupReport report;
};

class ChangeSource {
 public:
  ChangeSource(uint64_t seed, int prompts) : random_(seed), prompts_(prompts) {}

  RandomChange Next() {
    RandomChange change;
    change.kind = Below(13);
    change.size = 1 + Below(6);
    if (!batches_.empty()) {
      const SampleResult& batch =
          batches_[batches_.size() - 1 -
                   Below(std::min<size_t>(8, batches_.size()))];
      change.batch = batch.batch_id;
      change.prompt = batch.prompts[Below(batch.prompts.size())].id;
    }
    if (Below(3) == 0) change.prompt = absl::StrCat("p", Below(prompts_));
    change.report.prompt_id = change.prompt;
    for (uint32_t i = Below(2); i < 2; ++i) {
      change.report.rewards.push_back({i, static_cast<double>(Below(2))});
    }
    return change;
  }

  void Note(const SampleResult& batch) { batches_.push_back(batch); }
  std::vector<std::string> BatchIds() const {
    std::vector<std::string> ids;
    for (const SampleResult& batch : batches_) ids.push_back(batch.batch_id);
    return ids;
  }
  const SampleResult* Find(const std::string& id) const {
    for (const SampleResult& batch : batches_) {
      if (batch.batch_id == id) return &batch;
    }
    return nullptr;
  }

 private:
  uint32_t Below(size_t end) { return static_cast<uint32_t>(random_() % end); }

  std::mt19937_64 random_;
  const int prompts_;
  std::vector<SampleResult> batches_;
};

// Makes the change. What came of it, in words.
std::string Apply(Run& run, const RandomChange& change, absl::Time now,
                  ChangeSource& source, bool note) {
  std::string text;
  const auto say = [&](const absl::Status& status) {
    absl::StrAppend(&text, static_cast<int>(status.code()), status.message());
  };
  if (change.kind < 4) {
    const auto batch = run.Sample(RequestOf(change.size), now);
    say(batch.status());
    if (!batch.ok()) return text;
    Describe(*batch, text);
    if (note) source.Note(*batch);
  } else if (change.kind < 7) {
    say(run.Report(OneGroup(change.batch, change.report), now).status());
  } else if (change.kind < 9) {
    const SampleResult* batch = source.Find(change.batch);
    if (batch == nullptr) return text;
    BatchReport report{batch->batch_id, {}};
    for (const SampledPrompt& prompt : batch->prompts) {
      report.groups.push_back({prompt.id, change.report.rewards, {}, true});
    }
    say(run.Report({report}, now).status());
  } else if (change.kind == 9) {
    say(run.Release(change.batch, {}, now).status());
  } else if (change.kind == 10) {
    say(run.Release(change.batch, {change.prompt}, now).status());
  } else if (change.kind == 11) {
    PromptChange update;
    update.id = change.prompt;
    update.evidence = Evidence{static_cast<double>(change.size), 1.5};
    say(run.UpdatePrompt(update, now).status());
  } else if (change.size == 1) {
    say(run.DeletePrompt(change.prompt, now));
  } else {
    say(run.Renew(change.batch, std::nullopt, now).status());
  }
  return text;
}

TEST_CASE("A run that is loaded after any commit goes on as if it had not been",
          "[unit]") {
  const uint64_t seed = GENERATE(range<uint64_t>(1, 13));
  CAPTURE(seed);
  constexpr int kPrompts = 18;
  SettingsSpec spec = GroupsOf(2);
  spec.policy = seed % 2 == 0 ? "vade" : "uniform";
  spec.retained_deals = 6 + 4 * (seed % 5);
  spec.lease_ttl = absl::Seconds(60);
  RunLimits limits;
  limits.states_together = 1 + seed % 3;
  RunFixture f(spec, limits);
  f.Import(kPrompts);
  ChangeSource source(seed, kPrompts);
  for (int step = 0; step < 400; ++step) {
    CAPTURE(step);
    f.Commit();
    const auto loaded = Run::Load(f->record(), f.store(), f.now(), limits);
    REQUIRE(loaded.ok());
    REQUIRE((*loaded)->CheckInvariants().ok());
    REQUIRE(Describe(**loaded, kPrompts, source.BatchIds()) ==
            Describe(f.run(), kPrompts, source.BatchIds()));
    f.Advance(absl::Seconds(3));
    // Several changes a commit, too.
    for (int i = step % 3; i < 3; ++i) {
      const RandomChange change = source.Next();
      const std::string copy = Apply(**loaded, change, f.now(), source, false);
      REQUIRE(copy == Apply(f.run(), change, f.now(), source, true));
    }
    REQUIRE(Describe(**loaded, kPrompts, source.BatchIds()) ==
            Describe(f.run(), kPrompts, source.BatchIds()));
  }
}

}  // namespace
}  // namespace vade::sampling
