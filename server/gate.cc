#include "server/gate.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/sampling/error.h"

namespace vade::server {

absl::Status Draining() {
  return sampling::MakeError(absl::StatusCode::kUnavailable, "SERVER_DRAINING",
                             "the server is shutting down; repeat the call "
                             "with backoff");
}

absl::StatusOr<sampling::RunRegistry*> Gate::Enter() const {
  MutexLock lock(mu_);
  switch (phase_) {
    case Phase::kLoading:
      return sampling::MakeError(
          absl::StatusCode::kUnavailable, "SERVER_LOADING",
          "the server is loading its runs; repeat the call with backoff");
    case Phase::kServing:
      return registry_;
    case Phase::kDraining:
      break;
  }
  return Draining();
}

absl::StatusOr<sampling::RunRegistry*> Gate::Registry() const {
  MutexLock lock(mu_);
  if (registry_ == nullptr) return Draining();
  return registry_;
}

bool Gate::draining() const {
  MutexLock lock(mu_);
  return phase_ == Phase::kDraining;
}

void Gate::Open(sampling::RunRegistry& registry) {
  MutexLock lock(mu_);
  if (phase_ == Phase::kDraining) return;
  registry_ = &registry;
  phase_ = Phase::kServing;
}

void Gate::Drain() {
  std::vector<std::shared_ptr<LongCall>> calls;
  {
    MutexLock lock(mu_);
    phase_ = Phase::kDraining;
    for (const auto& [unused, weak] : long_calls_) {
      if (std::shared_ptr<LongCall> call = weak.lock()) {
        calls.push_back(std::move(call));
      }
    }
  }
  // Without the lock: a call that ends leaves.
  for (const std::shared_ptr<LongCall>& call : calls) call->OnDrain();
}

absl::Status Gate::Join(const std::shared_ptr<LongCall>& call) {
  MutexLock lock(mu_);
  if (phase_ == Phase::kDraining) return Draining();
  if (long_calls_.size() >= kMaxLongCalls) {
    const std::string rule = absl::StrCat(
        "at most ", kMaxLongCalls, " streams and waiting calls at a time");
    return sampling::MakeError(absl::StatusCode::kResourceExhausted,
                               "OVERLOADED", rule, {{"rule", rule}});
  }
  long_calls_.emplace(call.get(), call);
  return absl::OkStatus();
}

void Gate::Leave(const LongCall* call) {
  MutexLock lock(mu_);
  long_calls_.erase(call);
}

}  // namespace vade::server
