#include "client/cpp/prompt_importer.h"

#include <utility>

#include "client/cpp/transport.h"

namespace vade::client {

PromptImporter::PromptImporter(Client& client, const std::string& run,
                               ImportOptions options)
    : client_(client), run_(RunName(run)), options_(options) {}

absl::Status PromptImporter::Add(api::Prompt prompt) {
  if (!status_.ok()) return status_;
  const size_t bytes = prompt.ByteSizeLong();
  const bool full = chunk_.prompts_size() >= options_.max_chunk_prompts ||
                    (chunk_.prompts_size() > 0 &&
                     chunk_bytes_ + bytes > options_.max_chunk_bytes);
  if (full) {
    CloseChunk();
    if (static_cast<int>(full_chunks_.size()) >= options_.max_stream_chunks) {
      status_ = SendStream();
      if (!status_.ok()) return status_;
    }
  }
  *chunk_.add_prompts() = std::move(prompt);
  chunk_bytes_ += bytes;
  return absl::OkStatus();
}

void PromptImporter::DiscardChunk() {
  chunk_.Clear();
  chunk_bytes_ = 0;
}

absl::StatusOr<api::ImportPromptsResponse> PromptImporter::Finish() {
  if (!status_.ok()) return status_;
  if (chunk_.prompts_size() > 0) CloseChunk();
  status_ = SendStream();
  if (!status_.ok()) return status_;
  return counts_;
}

void PromptImporter::CloseChunk() {
  full_chunks_.push_back(std::move(chunk_));
  DiscardChunk();
}

absl::Status PromptImporter::SendStream() {
  if (full_chunks_.empty()) return absl::OkStatus();
  full_chunks_.front().set_run(run_);
  full_chunks_.front().set_existing_prompts(options_.existing_prompts);
  const bool refuses_existing =
      options_.existing_prompts == api::EXISTING_PROMPTS_FAIL;

  Transport& transport = client_.transport();
  api::ImportPromptsResponse response;
  const CallResult result = transport.Repeat(
      refuses_existing ? "ImportPrompts(fail)" : "ImportPrompts",
      transport.DeadlineOf(options_.call), [&](grpc::ClientContext& context) {
        response.Clear();
        auto writer = transport.sampler().ImportPrompts(&context, &response);
        for (const api::ImportPromptsRequest& chunk : full_chunks_) {
          if (!writer->Write(chunk)) break;
        }
        writer->WritesDone();
        return writer->Finish();
      });
  if (!result.status.ok()) return result.status;

  counts_.set_created_count(counts_.created_count() + response.created_count());
  counts_.set_updated_count(counts_.updated_count() + response.updated_count());
  counts_.set_skipped_count(counts_.skipped_count() + response.skipped_count());
  for (const api::ImportPromptsRequest& chunk : full_chunks_) {
    stored_count_ += chunk.prompts_size();
  }
  full_chunks_.clear();
  return absl::OkStatus();
}

}  // namespace vade::client
