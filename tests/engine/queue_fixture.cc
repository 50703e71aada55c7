#include "tests/engine/queue_fixture.h"

#include "absl/strings/str_cat.h"
#include "tests/catch.h"

namespace vade::sampling {

QueueFixture::QueueFixture(int prompts, SettingsSpec spec, int threads,
                           bool writes_wait)
    : store_(disk_, writes_wait), pool_(std::make_unique<WorkerPool>(threads)) {
  auto registry = RunRegistry::Open(store_, *pool_, clock_);
  REQUIRE(registry.ok());
  registry_ = *std::move(registry);
  spec.seed = 1;
  Call<RunInfo> created;
  registry_->Create("run", "", *ResolveSettings(spec, 0), created.Done());
  REQUIRE(created.Wait().ok());
  queue_ = registry_->Find("run");
  REQUIRE(queue_ != nullptr);
  for (int i = 0; i < prompts; ++i) {
    Call<ImportResult> imported;
    Import(absl::StrCat("p", i), imported);
    REQUIRE(imported.Wait().ok());
  }
}

void QueueFixture::Import(const std::string& id, Call<ImportResult>& call,
                          AnswerLog* log, CallSize size) {
  ImportRequest request;
  request.prompts.push_back({id, "", {}, true, std::nullopt});
  queue_->Change<ImportResult>(
      [request](Run& run, absl::Time now) { return run.Import(request, now); },
      call.Done(log, id), size);
}

void QueueFixture::Read(Call<RunInfo>& call, AnswerLog* log,
                        const std::string& name, CallSize size) {
  queue_->Read<RunInfo>(
      [](const Run& run) -> absl::StatusOr<RunInfo> { return run.Info(); },
      call.Done(log, name), size);
}

void QueueFixture::Sample(const SampleRequest& request, absl::Duration wait,
                          Call<SampleResult>& call, CancelFlag cancel,
                          AnswerLog* log, const std::string& name) {
  queue_->Sample(request, clock_.Now() + wait, std::move(cancel),
                 call.Done(log, name));
}

absl::StatusOr<SampleResult> QueueFixture::SampleNow(
    const SampleRequest& request) {
  Call<SampleResult> call;
  Sample(request, absl::ZeroDuration(), call);
  return call.Wait();
}

void QueueFixture::Release(const std::string& batch_id) {
  Call<BatchInfo> call;
  queue_->Change<BatchInfo>(
      [batch_id](Run& run, absl::Time now) {
        return run.Release(batch_id, {}, now);
      },
      call.Done());
  REQUIRE(call.Wait().ok());
}

RunInfo QueueFixture::Info() {
  Call<RunInfo> call;
  Read(call);
  const auto info = call.Wait();
  REQUIRE(info.ok());
  return *info;
}

void QueueFixture::Tick() {
  registry_->Tick();
  // A worker that applies both together answers the calls that it serves after
  // the first of these, and before the second.
  Info();
  Info();
}

}  // namespace vade::sampling
