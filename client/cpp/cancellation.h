// Cancellation: ends a stream from another thread.
#ifndef VADE_CLIENT_CPP_CANCELLATION_H_
#define VADE_CLIENT_CPP_CANCELLATION_H_

#include <mutex>

namespace grpc {
class ClientContext;
}

namespace vade::client {

// The caller owns it and keeps it alive as long as the call. Good for one call;
// once cancelled it stays so. Thread-safe.
class Cancellation {
 public:
  // Ends the call it was given to, now or as soon as that starts. Returns at
  // once; the call returns CANCELLED soon after.
  void Cancel();
  bool cancelled() const;

 private:
  friend class CancellationScope;

  mutable std::mutex mu_;
  // Both guarded by mu_.
  bool cancelled_ = false;
  grpc::ClientContext* context_ = nullptr;
};

// Ties the context of one attempt to a cancellation, which may be null, for as
// long as the scope lives. Thread-compatible.
class CancellationScope {
 public:
  CancellationScope(Cancellation* cancellation, grpc::ClientContext& context);
  ~CancellationScope();
  CancellationScope(const CancellationScope&) = delete;
  CancellationScope& operator=(const CancellationScope&) = delete;

 private:
  Cancellation* const cancellation_;
};

}  // namespace vade::client

#endif  // VADE_CLIENT_CPP_CANCELLATION_H_
