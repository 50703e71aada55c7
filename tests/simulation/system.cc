#include "tests/simulation/system.h"

#include <future>
#include <utility>

#include "server/sampling/error.h"
#include "server/sampling/run_queue.h"

namespace vade::simulation {
namespace {

using sampling::RunQueue;

struct Nothing {};

template <typename T>
Answer AnswerOf(const absl::StatusOr<T>& result) {
  Answer answer;
  if (!result.ok()) {
    answer.reason = sampling::ErrorReason(result.status());
    if (answer.reason.empty()) answer.reason = result.status().ToString();
  } else if constexpr (!std::is_same_v<T, Nothing>) {
    answer.value = *result;
  }
  return answer;
}

using Done = std::function<void(Answer)>;

// Starts one operation on a queue; `done` is called later on a worker.
struct Starter {
  RunQueue& queue;
  Done done;

  template <typename T>
  void Change(std::function<absl::StatusOr<T>(sampling::Run&, absl::Time)> op) {
    queue.Change<T>(std::move(op), [done = done](absl::StatusOr<T> result) {
      done(AnswerOf(result));
    });
  }

  void operator()(const UpdateRun& op) {
    Change<sampling::RunInfo>([op](sampling::Run& run, absl::Time now) {
      return run.Update(op.change, now);
    });
  }
  void operator()(const Import& op) {
    Change<sampling::ImportResult>([op](sampling::Run& run, absl::Time now) {
      return run.Import(op.request, now);
    });
  }
  void operator()(const UpdatePrompt& op) {
    Change<sampling::PromptInfo>([op](sampling::Run& run, absl::Time now) {
      return run.UpdatePrompt(op.change, now);
    });
  }
  void operator()(const DeletePrompt& op) {
    Change<Nothing>(
        [op](sampling::Run& run, absl::Time now) -> absl::StatusOr<Nothing> {
          absl::Status status = run.DeletePrompt(op.prompt_id, now);
          if (!status.ok()) return status;
          return Nothing();
        });
  }
  void operator()(const Sample& op) {
    queue.Sample(op.request, absl::InfinitePast(), nullptr,
                 [done = done](absl::StatusOr<sampling::SampleResult> result) {
                   done(AnswerOf(result));
                 });
  }
  void operator()(const Renew& op) {
    Change<sampling::BatchInfo>([op](sampling::Run& run, absl::Time now) {
      return run.Renew(op.batch_id, op.ttl, now);
    });
  }
  void operator()(const Release& op) {
    Change<sampling::BatchInfo>([op](sampling::Run& run, absl::Time now) {
      return run.Release(op.batch_id, op.prompt_ids, now);
    });
  }
  void operator()(const Report& op) {
    Change<sampling::ReportResult>([op](sampling::Run& run, absl::Time now) {
      return run.Report(op.reports, now);
    });
  }
  void operator()(const Tick&) {
    Change<Nothing>(
        [](sampling::Run& run, absl::Time now) -> absl::StatusOr<Nothing> {
          run.Tick(now);
          return Nothing();
        });
  }
};

}  // namespace

absl::Status System::Open() {
  store_.Restart();
  // One worker: with the gate of Perform, the seed decides which calls meet.
  pool_ = std::make_unique<sampling::WorkerPool>(1);
  // Few enough that batches of this size are often forgotten with so many.
  sampling::RunLimits limits;
  limits.states_together = 3;
  auto registry = sampling::RunRegistry::Open(store_, *pool_, clock_, limits);
  if (!registry.ok()) return registry.status();
  registry_ = *std::move(registry);
  return absl::OkStatus();
}

void System::Close() {
  pool_.reset();
  registry_.reset();
}

Answer System::CreateRun(const std::string& run_id,
                         const storage::RunSettings& settings) {
  std::promise<Answer> promise;
  registry_->Create(run_id, "", settings,
                    [&](absl::StatusOr<sampling::RunInfo> result) {
                      promise.set_value(AnswerOf(result));
                    });
  return promise.get_future().get();
}

Answer System::DeleteRun(const std::string& run_id, const std::string& etag) {
  std::promise<Answer> promise;
  registry_->Delete(run_id, etag, [&](absl::Status status) {
    promise.set_value(
        AnswerOf(status.ok() ? absl::StatusOr<Nothing>(Nothing()) : status));
  });
  return promise.get_future().get();
}

std::vector<Answer> System::Perform(const std::string& run_id,
                                    const std::vector<Operation>& operations) {
  const std::shared_ptr<RunQueue> queue = registry_->Find(run_id);
  std::vector<Answer> answers(operations.size(), Answer{"RUN_NOT_FOUND", {}});
  if (queue == nullptr) return answers;
  std::promise<void> gate;
  pool_->Post([opened = gate.get_future().share()] { opened.wait(); });
  std::vector<std::promise<Answer>> promises(operations.size());
  for (size_t i = 0; i < operations.size(); ++i) {
    Starter starter{*queue, [&promises, i](Answer answer) {
                      promises[i].set_value(std::move(answer));
                    }};
    std::visit(starter, operations[i]);
  }
  gate.set_value();
  for (size_t i = 0; i < operations.size(); ++i) {
    answers[i] = promises[i].get_future().get();
  }
  return answers;
}

std::optional<Snapshot> System::Read(const std::string& run_id) {
  const std::shared_ptr<RunQueue> queue = registry_->Find(run_id);
  if (queue == nullptr) return std::nullopt;
  std::promise<absl::StatusOr<Snapshot>> promise;
  queue->Read<Snapshot>(
      [](const sampling::Run& run) -> absl::StatusOr<Snapshot> {
        return TakeSnapshot(run);
      },
      [&](absl::StatusOr<Snapshot> result) {
        promise.set_value(std::move(result));
      });
  absl::StatusOr<Snapshot> result = promise.get_future().get();
  if (result.ok()) return *std::move(result);
  Snapshot failed;
  failed.invariants = result.status();
  return failed;
}

std::vector<std::string> System::RunIds() const {
  std::vector<std::string> ids;
  for (const auto& queue : registry_->List("", 1000)) {
    ids.push_back(queue->run_id());
  }
  return ids;
}

}  // namespace vade::simulation
