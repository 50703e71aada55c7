#include "server/sampling/run_registry.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "storage/keys.h"
#include "tests/catch.h"
#include "tests/engine/queue_fixture.h"

namespace vade::sampling {
namespace {

class Registry {
 public:
  Registry() { REQUIRE(Reopen().ok()); }
  ~Registry() { pool_.reset(); }

  absl::Status Reopen() {
    pool_.reset();
    registry_.reset();
    store_.Restart();
    pool_ = std::make_unique<WorkerPool>(2);
    auto registry = RunRegistry::Open(store_, *pool_, clock_);
    if (!registry.ok()) return registry.status();
    registry_ = *std::move(registry);
    return absl::OkStatus();
  }
  absl::StatusOr<RunInfo> Create(const std::string& id) {
    Call<RunInfo> call;
    registry_->Create(id, "", *ResolveSettings({}, 1), call.Done());
    return call.Wait();
  }
  absl::Status Delete(const std::string& id, const std::string& etag = "") {
    Call<bool> call;
    auto done = call.Done();
    registry_->Delete(id, etag, [done](absl::Status status) {
      if (status.ok()) return done(true);
      done(std::move(status));
    });
    return call.Wait().status();
  }
  std::vector<std::string> List(const std::string& after, size_t limit) {
    std::vector<std::string> ids;
    for (const auto& queue : registry_->List(after, limit)) {
      ids.push_back(queue->run_id());
    }
    return ids;
  }
  RunRegistry& operator*() { return *registry_; }
  storage::FaultyStore& store() { return store_; }
  simulation::MapStore& disk() { return disk_; }

 private:
  simulation::MapStore disk_;
  simulation::ManualClock clock_;
  storage::FaultyStore store_{disk_};
  std::unique_ptr<WorkerPool> pool_;
  std::unique_ptr<RunRegistry> registry_;
};

TEST_CASE("Run numbers and epochs are never used again", "[unit]") {
  Registry registry;
  uint32_t last_number = 0;
  uint64_t last_epoch = 0;
  for (int i = 0; i < 6; ++i) {
    const auto run = registry.Create("run");
    REQUIRE(run.ok());
    CHECK(run->record.number > last_number);
    CHECK(run->record.epoch > last_epoch);
    last_number = run->record.number;
    last_epoch = run->record.epoch;
    REQUIRE(registry.Delete("run").ok());
    if (i % 2 == 1) REQUIRE(registry.Reopen().ok());
  }
}

TEST_CASE("Runs are listed in order of id, a page at a time", "[unit]") {
  Registry registry;
  for (const char* id : {"c", "a", "b.1", "b"}) {
    REQUIRE(registry.Create(id).ok());
  }
  CHECK(registry.List("", 10) ==
        std::vector<std::string>{"a", "b", "b.1", "c"});
  CHECK(registry.List("a", 2) == std::vector<std::string>{"b", "b.1"});
  CHECK(registry.List("b.0", 1) == std::vector<std::string>{"b.1"});
  CHECK(registry.List("c", 10).empty());
  REQUIRE(registry.Reopen().ok());
  CHECK(registry.List("", 10) ==
        std::vector<std::string>{"a", "b", "b.1", "c"});
}

TEST_CASE("A run that exists is not created again", "[unit]") {
  Registry registry;
  REQUIRE(registry.Create("run").ok());
  const absl::Status status = registry.Create("run").status();
  CHECK(absl::IsAlreadyExists(status));
  CHECK(ReasonOf(status) == "RUN_EXISTS");
  CHECK(MetadataOf(status, "run") == "run");
}

TEST_CASE("Of creations of one id at once, one succeeds", "[unit]") {
  Registry registry;
  std::vector<Call<RunInfo>> calls(8);
  for (auto& call : calls) {
    (*registry).Create("run", "", *ResolveSettings({}, 1), call.Done());
  }
  int created = 0;
  for (auto& call : calls) {
    const auto result = call.Wait();
    created += result.ok();
    if (!result.ok()) CHECK(ReasonOf(result) == "RUN_EXISTS");
  }
  CHECK(created == 1);
}

TEST_CASE("A deleted run is gone, now and after a restart", "[unit]") {
  Registry registry;
  REQUIRE(registry.Create("kept").ok());
  const auto run = registry.Create("run");
  REQUIRE(run.ok());
  CHECK(ReasonOf(registry.Delete("run", "9")) == "ETAG_MISMATCH");
  CHECK(registry.Delete("run", EtagOf(run->record)).ok());
  const absl::Status status = registry.Delete("run");
  CHECK(absl::IsNotFound(status));
  CHECK(ReasonOf(status) == "RUN_NOT_FOUND");
  CHECK((*registry).Find("run") == nullptr);
  REQUIRE(registry.Reopen().ok());
  CHECK((*registry).Find("run") == nullptr);
  CHECK((*registry).Find("kept") != nullptr);
}

TEST_CASE("One run more than the server holds is refused", "[unit]") {
  Registry registry;
  for (size_t i = 0; i < kMaxRuns; ++i) {
    REQUIRE(registry.Create(absl::StrCat("r", i)).ok());
  }
  const absl::Status status = registry.Create("more").status();
  CHECK(absl::IsResourceExhausted(status));
  CHECK(ReasonOf(status) == "TOO_MANY_RUNS");
  REQUIRE(registry.Delete("r7").ok());
  CHECK(registry.Create("more").ok());
}

TEST_CASE("A creation whose write fails is refused", "[unit]") {
  const bool present = GENERATE(false, true);
  Registry registry;
  REQUIRE(registry.Create("before").ok());
  registry.store().FailWrite(1, present ? storage::FailedWrite::kPresent
                                        : storage::FailedWrite::kAbsent);
  const absl::Status status = registry.Create("run").status();
  CHECK(absl::IsUnavailable(status));
  CHECK(ReasonOf(status) == "STORAGE_FAILED");
  CHECK((*registry).Find("run") == nullptr);
  REQUIRE(registry.Reopen().ok());
  CHECK(((*registry).Find("run") != nullptr) == present);
  CHECK(registry.Create("after").ok());
}

TEST_CASE("A damaged record stops the start, with its table and key",
          "[unit]") {
  Registry registry;
  REQUIRE(registry.Create("run").ok());
  const auto records = registry.disk().records();
  REQUIRE(records.size() >= 3);
  for (const auto& [key, value] : records) {
    INFO(storage::TableName(key));
    std::string damaged = value;
    damaged[damaged.size() / 2] ^= 1;
    storage::Mutation damage;
    damage.Put(key, damaged);
    REQUIRE(registry.disk().Write(damage).ok());
    const absl::Status status = registry.Reopen();
    CHECK(absl::IsDataLoss(status));
    const std::string message(status.message());
    CHECK(message.find(storage::TableName(key)) != std::string::npos);
    CHECK(message.find(absl::BytesToHexString(key)) != std::string::npos);
    damage.Clear();
    damage.Put(key, value);
    REQUIRE(registry.disk().Write(damage).ok());
  }
  CHECK(registry.Reopen().ok());
}

TEST_CASE("A store that cannot be read stops the start", "[unit]") {
  Registry registry;
  REQUIRE(registry.Create("run").ok());
  registry.store().FailReads(absl::UnavailableError("the disk is gone"));
  CHECK(absl::IsUnavailable(registry.Reopen()));
  registry.store().FailReads(absl::OkStatus());
  CHECK(registry.Reopen().ok());
}

TEST_CASE("Payloads are read by index, empty where there is none", "[unit]") {
  Registry registry;
  const auto run = registry.Create("run");
  REQUIRE(run.ok());
  ImportRequest request;
  request.prompts.push_back({"a", "first", {}, true, std::nullopt});
  request.prompts.push_back({"b", "", {}, true, std::nullopt});
  request.prompts.push_back(
      {"c", std::string("\0x", 2), {}, true, std::nullopt});
  Call<ImportResult> imported;
  (*registry).Find("run")->Change<ImportResult>(
      [request](Run& r, absl::Time now) { return r.Import(request, now); },
      imported.Done());
  REQUIRE(imported.Wait().ok());
  const auto payloads =
      (*registry).ReadPayloads(run->record.number, {2, 0, 1, 99});
  REQUIRE(payloads.ok());
  CHECK(*payloads ==
        std::vector<std::string>{std::string("\0x", 2), "first", "", ""});
  registry.store().FailReads(absl::UnavailableError("the disk is gone"));
  CHECK(absl::IsUnavailable(
      (*registry).ReadPayloads(run->record.number, {0}).status()));
}

}  // namespace
}  // namespace vade::sampling
