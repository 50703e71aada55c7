// ExportCall: one ExportPrompts. Reads a chunk, writes it, and reads the next
// when the caller has taken it, so a slow reader holds one chunk of memory.
// Owns itself. Thread-safe.
#ifndef VADE_SERVER_EXPORT_CALL_H_
#define VADE_SERVER_EXPORT_CALL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "grpcpp/support/server_callback.h"
#include "server/sampling/run_queue.h"
#include "server/stream_call.h"
#include "server/validation.h"
#include "vade/sampler/v1/prompt.pb.h"

namespace vade::server {

class ExportCall final
    : public StreamCall<
          grpc::ServerWriteReactor<sampler::v1::ExportPromptsResponse>> {
 public:
  static grpc::ServerWriteReactor<sampler::v1::ExportPromptsResponse>* Start(
      const CallContext& context,
      const sampler::v1::ExportPromptsRequest& request);

  // Use Start.
  explicit ExportCall(const CallContext& context)
      : StreamCall(context, Method::kExportPrompts) {}

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDrain() override;

 private:
  void ReadChunk();
  void TakeChunk(sampling::PromptChunk chunk);
  void TakePayloads(absl::StatusOr<std::vector<std::string>> payloads);
  void Write();

  // Set before the first chunk is read.
  std::weak_ptr<ExportCall> weak_self_;
  std::shared_ptr<sampling::RunQueue> run_;
  sampling::LabelFilter filter_;
  bool include_payloads_ = false;

  // Touched by the one step that is under way: reading or writing.
  uint32_t begin_ = 0;
  bool at_end_ = false;
  sampler::v1::ExportPromptsResponse message_;
};

}  // namespace vade::server

#endif  // VADE_SERVER_EXPORT_CALL_H_
