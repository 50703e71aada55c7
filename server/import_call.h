// ImportCall: one ImportPrompts. Each message is one atomic change; while one
// is written the next is read, and no more, so a fast sender cannot make
// memory grow. Owns itself. Thread-safe.
#ifndef VADE_SERVER_IMPORT_CALL_H_
#define VADE_SERVER_IMPORT_CALL_H_

#include <atomic>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grpcpp/support/server_callback.h"
#include "server/sampling/run_queue.h"
#include "server/stream_call.h"
#include "server/validation.h"
#include "vade/sampler/v1/prompt.pb.h"

namespace vade::server {

class ImportCall final
    : public StreamCall<
          grpc::ServerReadReactor<sampler::v1::ImportPromptsRequest>> {
 public:
  static grpc::ServerReadReactor<sampler::v1::ImportPromptsRequest>* Start(
      const CallContext& context, sampler::v1::ImportPromptsResponse* response);

  // Use Start.
  ImportCall(const CallContext& context,
             sampler::v1::ImportPromptsResponse* response)
      : StreamCall(context, Method::kImportPrompts), response_(response) {}

  void OnReadDone(bool ok) override;
  void OnCancel() override;
  void OnDrain() override;

 private:
  // Messages that are being written at a time.
  static constexpr int kMaxWriting = 2;

  // Takes the message that was read.
  absl::Status TakeMessage();
  absl::Status TakeRun(const ImportMessage& message);
  void OnWritten(const absl::StatusOr<sampling::ImportResult>& result);
  void Fail(const absl::Status& status);
  // Reads on, or ends if all is done.
  void GoOnLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  sampler::v1::ImportPromptsResponse* const response_;
  // Set before the first read.
  std::weak_ptr<ImportCall> weak_self_;

  // Touched by reads only, of which there is one at a time.
  sampler::v1::ImportPromptsRequest message_;
  std::shared_ptr<sampling::RunQueue> run_;
  std::string run_id_;
  sampling::ExistingPrompts existing_ = sampling::ExistingPrompts::kUpdate;

  // A message was refused, so those after it must not be applied. Atomic: set
  // and read by the run's worker, whichever thread that is.
  std::atomic<bool> refused_{false};

  bool reading_ ABSL_GUARDED_BY(mu_) = false;
  bool read_all_ ABSL_GUARDED_BY(mu_) = false;
  int writing_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
  sampling::ImportResult total_ ABSL_GUARDED_BY(mu_);
};

}  // namespace vade::server

#endif  // VADE_SERVER_IMPORT_CALL_H_
