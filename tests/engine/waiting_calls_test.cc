// Calls that wait for prompts, with all that may end a wait, in random order,
// against a model that is only a list of the calls. A failure names its seed
// and step.
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/catch.h"
#include "tests/engine/queue_fixture.h"
#include "tests/engine/run_fixture.h"
#include "tests/simulation/dice.h"

namespace vade::sampling {
namespace {

// Deliberate mistakes of the model, which must be noticed.
enum class Flaw {
  kNone,
  kOvertakes,         // a small call is served before a large one
  kStuckBehindEnded,  // who waited behind an ended call is not looked at
};

struct WaitingCall {
  std::string name;
  SampleRequest request;
  absl::Time wait_until;
  CancelFlag cancel;
  // shared_ptr: the list of calls is copied and cut; an answer stays in place.
  std::shared_ptr<Call<SampleResult>> call;
};

class WaitingCalls {
 public:
  WaitingCalls(uint64_t seed, Flaw flaw)
      : seed_(seed), flaw_(flaw), dice_(seed), queue_(0) {
    for (int i = 0; i < 4; ++i) {
      Import("a");
      Import("b");
    }
  }

  // The first difference between queue and model, empty if there is none.
  std::string Run(int steps) {
    for (int step = 0; step < steps && difference_.empty(); ++step) {
      Step();
      if (difference_.empty() && log_.names() != expected_) {
        difference_ = "answers came in another order";
      }
      if (difference_.empty() &&
          queue_.queue().counts().waiting != waiting_.size()) {
        difference_ = "another number of calls waits";
      }
      if (!difference_.empty()) {
        absl::StrAppend(&difference_, " (seed ", seed_, ", step ", step, ")");
      }
    }
    return difference_;
  }

  // By outcome, so that a test can see that all of them came.
  const std::map<std::string, int>& outcomes() const { return outcomes_; }

 private:
  struct Batch {
    std::vector<std::string> prompts;
    absl::Time expire_time;
  };

  void Step() {
    changed_ = false;
    const uint64_t die = dice_.Below(100);
    if (die < 45) {
      Sample();
    } else if (die < 70) {
      Release();
    } else if (die < 80) {
      if (!waiting_.empty()) dice_.Pick(waiting_).cancel->store(true);
    } else if (die < 97 || labels_.size() >= 16) {
      queue_.clock().Advance(absl::Seconds(dice_.Between(1, 20)));
    } else {
      Import(dice_.Chance(0.5) ? "a" : "b");
    }
    queue_.Tick();
    Expire();
    Serve();
  }

  void Import(const std::string& label) {
    const std::string id = absl::StrCat(label, labels_.size());
    ImportRequest request;
    request.prompts.push_back(
        {id, "", {{"source", label}}, true, std::nullopt});
    Call<ImportResult> call;
    queue_.queue().Change<ImportResult>(
        [request](sampling::Run& run, absl::Time now) {
          return run.Import(request, now);
        },
        call.Done());
    if (!call.Wait().ok()) difference_ = "an import failed";
    labels_[id] = label;
    changed_ = true;
  }

  void Sample() {
    static const std::vector<LabelFilter> kFilters = {
        {}, {{"source", {"a"}}}, {{"source", {"b"}}}};
    WaitingCall call;
    call.name = absl::StrCat("call ", ++calls_);
    call.request = RequestOf(static_cast<uint32_t>(dice_.Between(1, 4)));
    call.request.min_batch_size =
        static_cast<uint32_t>(dice_.Between(1, call.request.batch_size));
    call.request.filter = dice_.Pick(kFilters);
    call.request.lease_ttl = absl::Seconds(dice_.Between(10, 60));
    const absl::Duration wait = dice_.Chance(0.2)
                                    ? absl::ZeroDuration()
                                    : absl::Seconds(dice_.Between(1, 60));
    call.wait_until = queue_.clock().Now() + wait;
    call.cancel = std::make_shared<std::atomic<bool>>(false);
    call.call = std::make_shared<Call<SampleResult>>();
    queue_.Sample(call.request, wait, *call.call, call.cancel, &log_,
                  call.name);
    queue_.Tick();
    const bool behind_others =
        wait > absl::ZeroDuration() &&
        std::any_of(waiting_.begin(), waiting_.end(), [&](const auto& other) {
          return other.request.filter == call.request.filter;
        });
    if (behind_others || !IsAnswered(call)) waiting_.push_back(call);
  }

  // All of a batch, or one prompt of it.
  void Release() {
    if (batches_.empty()) return;
    auto batch = std::next(batches_.begin(),
                           static_cast<int64_t>(dice_.Below(batches_.size())));
    std::vector<std::string> prompts;
    if (dice_.Chance(0.5)) prompts = {dice_.Pick(batch->second.prompts)};
    Call<BatchInfo> call;
    queue_.queue().Change<BatchInfo>(
        [id = batch->first, prompts](sampling::Run& run, absl::Time now) {
          return run.Release(id, prompts, now);
        },
        call.Done());
    if (!call.Wait().ok()) difference_ = "a release failed";
    changed_ = true;
    std::vector<std::string>& left = batch->second.prompts;
    if (!prompts.empty()) {
      left.erase(std::find(left.begin(), left.end(), prompts[0]));
    }
    if (prompts.empty() || left.empty()) batches_.erase(batch);
  }

  void Expire() {
    const absl::Time now = queue_.clock().Now();
    for (auto it = batches_.begin(); it != batches_.end();) {
      const bool due = it->second.expire_time <= now;
      changed_ |= due;
      it = due ? batches_.erase(it) : std::next(it);
    }
  }

  // In order of arrival: a call that cannot be served holds up those with its
  // filter behind it, until its time is over.
  void Serve() {
    std::vector<LabelFilter> blocked;
    std::vector<WaitingCall> still_waiting;
    for (const WaitingCall& call : waiting_) {
      const LabelFilter& filter = call.request.filter;
      const bool due =
          call.cancel->load() || call.wait_until <= queue_.clock().Now();
      const bool is_blocked = (flaw_ != Flaw::kOvertakes &&
                               std::find(blocked.begin(), blocked.end(),
                                         filter) != blocked.end()) ||
                              (flaw_ == Flaw::kStuckBehindEnded && !changed_);
      if ((due || !is_blocked) && IsAnswered(call)) continue;
      blocked.push_back(filter);
      still_waiting.push_back(call);
    }
    waiting_ = std::move(still_waiting);
  }

  // Whether the model has an answer for it now; then the queue must have given
  // the same.
  bool IsAnswered(const WaitingCall& call) {
    const std::vector<std::string> free = FreePrompts(call.request.filter);
    std::string outcome;
    if (call.cancel->load()) {
      outcome = "cancelled";
    } else if (free.size() >= call.request.min_batch_size) {
      outcome = "dealt";
    } else if (call.wait_until <= queue_.clock().Now()) {
      outcome = "NOT_ENOUGH_ELIGIBLE";
    } else {
      return false;
    }
    ++outcomes_[outcome];
    expected_.push_back(call.name);
    if (!difference_.empty()) return true;
    if (!call.call->answered()) {
      difference_ = absl::StrCat(call.name, " waits, and should be ", outcome);
      return true;
    }
    const absl::StatusOr<SampleResult> result = call.call->Wait();
    const std::string actual = result.ok() ? "dealt"
                               : absl::IsCancelled(result.status())
                                   ? "cancelled"
                                   : ReasonOf(result);
    if (actual != outcome) {
      difference_ = absl::StrCat(call.name, " is ", actual, ", not ", outcome);
    } else if (result.ok()) {
      Take(call, *result, free);
    }
    return true;
  }

  void Take(const WaitingCall& call, const SampleResult& result,
            const std::vector<std::string>& free) {
    Batch batch;
    batch.expire_time = result.expire_time;
    for (const SampledPrompt& prompt : result.prompts) {
      batch.prompts.push_back(prompt.id);
      if (std::find(free.begin(), free.end(), prompt.id) == free.end()) {
        difference_ = absl::StrCat(call.name, " got what was not free");
      }
    }
    if (batch.prompts.size() !=
        std::min<size_t>(free.size(), call.request.batch_size)) {
      difference_ = absl::StrCat(call.name, " got another number of prompts");
    }
    batches_[result.batch_id] = std::move(batch);
  }

  std::vector<std::string> FreePrompts(const LabelFilter& filter) const {
    std::vector<std::string> free;
    for (const auto& [id, label] : labels_) {
      const bool busy = std::any_of(
          batches_.begin(), batches_.end(), [&id = id](const auto& batch) {
            const auto& prompts = batch.second.prompts;
            return std::find(prompts.begin(), prompts.end(), id) !=
                   prompts.end();
          });
      const bool matches =
          filter == LabelFilter() || filter == LabelFilter{{"source", {label}}};
      if (!busy && matches) free.push_back(id);
    }
    return free;
  }

  const uint64_t seed_;
  const Flaw flaw_;
  simulation::Dice dice_;
  QueueFixture queue_;
  AnswerLog log_;
  int calls_ = 0;
  std::string difference_;
  std::map<std::string, int> outcomes_;

  // The model. Prompts have one label each; those of batches are in flight.
  std::map<std::string, std::string> labels_;
  std::map<std::string, Batch> batches_;
  std::vector<WaitingCall> waiting_;
  std::vector<std::string> expected_;
  // Whether this step made prompts free.
  bool changed_ = false;
};

TEST_CASE("Calls that wait are answered as a plain list of them says",
          "[unit]") {
  const uint64_t seed = GENERATE(1, 2, 3, 4);
  WaitingCalls calls(seed, Flaw::kNone);
  CHECK(calls.Run(1000) == "");
  // That it did what it is for.
  CHECK(calls.outcomes().size() == 3);
  for (const auto& [outcome, count] : calls.outcomes()) {
    INFO(outcome);
    CHECK(count > 20);
  }
}

TEST_CASE("A mistaken list of waiting calls is noticed", "[unit]") {
  const Flaw flaw = GENERATE(Flaw::kOvertakes, Flaw::kStuckBehindEnded);
  INFO("flaw " << static_cast<int>(flaw));
  bool noticed = false;
  for (uint64_t seed = 1; seed <= 4 && !noticed; ++seed) {
    noticed = !WaitingCalls(seed, flaw).Run(1000).empty();
  }
  CHECK(noticed);
}

}  // namespace
}  // namespace vade::sampling
