#include "server/sample_call.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace vade::server {
namespace {

// An answer that waited must still reach its caller before the deadline.
constexpr absl::Duration kDeadlineMargin = absl::Milliseconds(300);

// What is left of `rpc`'s deadline, less the margin or half, whichever is
// less. The deadline is the transport's, so it is held against the wall clock
// and not against the server's Clock.
absl::Duration TimeLeft(const grpc::CallbackServerContext& rpc) {
  const std::chrono::system_clock::time_point deadline = rpc.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) {
    return absl::InfiniteDuration();
  }
  const absl::Duration left =
      absl::FromChrono(deadline - std::chrono::system_clock::now());
  return left - std::min(kDeadlineMargin, left / 2);
}

}  // namespace

class SampleCall::WaitingReactor final : public grpc::ServerUnaryReactor {
 public:
  static grpc::ServerUnaryReactor* Make(sampling::CancelFlag cancel) {
    auto reactor = std::make_unique<WaitingReactor>();
    reactor->cancel_ = std::move(cancel);
    WaitingReactor& made = *reactor;
    made.self_ = std::move(reactor);
    return &made;
  }

  void OnCancel() override { cancel_->store(true); }
  void OnDone() override {
    // Released at the end of this scope, when nothing here is needed any more.
    const std::unique_ptr<WaitingReactor> self = std::move(self_);
  }

 private:
  sampling::CancelFlag cancel_;
  std::unique_ptr<WaitingReactor> self_;
};

SampleCall::SampleCall(const CallContext& context,
                       grpc::ServerUnaryReactor* reactor,
                       sampling::CancelFlag cancel,
                       sampler::v1::SampleBatchResponse* response)
    : context_(context),
      call_(context.metrics, Method::kSampleBatch, reactor),
      cancel_(std::move(cancel)),
      response_(response) {}

grpc::ServerUnaryReactor* SampleCall::Run(
    const CallContext& context, grpc::CallbackServerContext* rpc,
    const sampler::v1::SampleBatchRequest& request,
    sampler::v1::SampleBatchResponse* response) {
  sampling::CancelFlag cancel;
  grpc::ServerUnaryReactor* reactor = nullptr;
  if (request.has_max_wait()) {
    cancel = std::make_shared<std::atomic<bool>>(false);
    reactor = WaitingReactor::Make(cancel);
  } else {
    reactor = rpc->DefaultReactor();
  }
  auto call = std::make_shared<SampleCall>(context, reactor, cancel, response);
  absl::StatusOr<SampleBatchCall> parsed = ParseSampleBatch(request);
  if (!parsed.ok()) return call->End(parsed.status());
  auto run = context.FindRun(parsed->run_id);
  if (!run.ok()) return call->End(run.status());
  absl::Time wait_until = absl::InfinitePast();
  if (parsed->max_wait > absl::ZeroDuration()) {
    absl::Status joined = context.gate.Join(call);
    if (!joined.ok()) return call->End(joined);
    wait_until =
        context.clock.Now() + std::min(parsed->max_wait, TimeLeft(*rpc));
  }
  const uint32_t run_number = (*run)->run_number();
  const bool payloads = parsed->request.include_payloads;
  (*run)->Sample(std::move(parsed->request), wait_until, std::move(cancel),
                 [call, run_number, payloads](
                     const absl::StatusOr<sampling::SampleResult>& result) {
                   call->Answer(call, run_number, payloads, result);
                 });
  return reactor;
}

void SampleCall::OnDrain() { cancel_->store(true); }

void SampleCall::Answer(const std::shared_ptr<SampleCall>& self,
                        uint32_t run_number, bool include_payloads,
                        const absl::StatusOr<sampling::SampleResult>& result) {
  if (result.ok()) Fill(*result, *response_);
  if (!result.ok() || !include_payloads || result->prompts.empty()) {
    End(result.status());
    return;
  }
  std::vector<uint32_t> indexes;
  indexes.reserve(result->prompts.size());
  for (const sampling::SampledPrompt& prompt : result->prompts) {
    indexes.push_back(prompt.index);
  }
  // The batch is durable by now: should this fail, a repeat with the same
  // request id gets it.
  context_.ReadPayloads(
      run_number, std::move(indexes),
      [self](absl::StatusOr<std::vector<std::string>> payloads) {
        if (payloads.ok()) {
          for (size_t i = 0; i < payloads->size(); ++i) {
            self->response_->mutable_prompts(static_cast<int>(i))
                ->set_payload(std::move((*payloads)[i]));
          }
        }
        self->End(payloads.status());
      });
}

grpc::ServerUnaryReactor* SampleCall::End(const absl::Status& status) {
  if (cancel_ == nullptr) return call_.End(status);
  context_.gate.Leave(this);
  const bool drained = absl::IsCancelled(status) && context_.gate.draining();
  return call_.End(drained ? Draining() : status);
}

}  // namespace vade::server
