#include "client/cpp/cancellation.h"

#include "grpcpp/client_context.h"

namespace vade::client {

void Cancellation::Cancel() {
  std::lock_guard<std::mutex> lock(mu_);
  cancelled_ = true;
  if (context_ != nullptr) context_->TryCancel();
}

bool Cancellation::cancelled() const {
  std::lock_guard<std::mutex> lock(mu_);
  return cancelled_;
}

CancellationScope::CancellationScope(Cancellation* cancellation,
                                     grpc::ClientContext& context)
    : cancellation_(cancellation) {
  if (cancellation_ == nullptr) return;
  std::lock_guard<std::mutex> lock(cancellation_->mu_);
  cancellation_->context_ = &context;
  if (cancellation_->cancelled_) context.TryCancel();
}

CancellationScope::~CancellationScope() {
  if (cancellation_ == nullptr) return;
  std::lock_guard<std::mutex> lock(cancellation_->mu_);
  cancellation_->context_ = nullptr;
}

}  // namespace vade::client
