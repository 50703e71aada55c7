// PromptImporter: sends any number of prompts to a run, in messages of a size
// the server takes, and sends again what a lost connection leaves unanswered.
//
// A message (chunk) is what the server stores as one step. Some chunks together
// make one stream, whose answer says that all of them are durable; if the
// stream breaks, all its chunks are sent again, which changes nothing for
// prompts that were stored already, unless existing prompts are refused
// (EXISTING_PROMPTS_FAIL): then a broken stream is an error.
//
//   PromptImporter importer(client, "runs/gsm8k", {});
//   for (Prompt& prompt : prompts) status.Update(importer.Add(prompt));
//   StatusOr<ImportPromptsResponse> counts = importer.Finish();
#ifndef VADE_CLIENT_CPP_PROMPT_IMPORTER_H_
#define VADE_CLIENT_CPP_PROMPT_IMPORTER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/client.h"

namespace vade::client {

struct ImportOptions {
  api::ExistingPrompts existing_prompts =
      api::ExistingPrompts::EXISTING_PROMPTS_UPDATE;
  // Of one message; 1 to 10000 prompts, and at most 16 MiB. A prompt that is
  // larger than this alone makes a message of its own.
  int max_chunk_prompts = 5000;
  size_t max_chunk_bytes = size_t{4} << 20;
  // Messages of one stream: what is kept in memory until it is answered.
  int max_stream_chunks = 4;
  // For one stream with all its attempts. Unset: the client's default.
  CallOptions call;
};

// Thread-compatible. The client must outlive it.
class PromptImporter {
 public:
  PromptImporter(Client& client, const std::string& run, ImportOptions options);

  // Takes one prompt; sends when a stream's worth has come together. After an
  // error nothing more is sent, and every later call returns that error.
  absl::Status Add(api::Prompt prompt);

  // Drops the prompts of the chunk that is being filled; those of full chunks
  // stay.
  void DiscardChunk();

  // Sends what is left and returns the counts of all streams together. A
  // prompt that was created by an attempt whose answer was lost counts as
  // updated or skipped. Call it once.
  absl::StatusOr<api::ImportPromptsResponse> Finish();

  // Prompts the server has answered for: they are durable.
  uint64_t stored_count() const { return stored_count_; }

 private:
  void CloseChunk();
  absl::Status SendStream();

  Client& client_;
  const std::string run_;
  const ImportOptions options_;
  absl::Status status_;
  api::ImportPromptsRequest chunk_;
  size_t chunk_bytes_ = 0;
  std::vector<api::ImportPromptsRequest> full_chunks_;
  api::ImportPromptsResponse counts_;
  uint64_t stored_count_ = 0;
};

}  // namespace vade::client

#endif  // VADE_CLIENT_CPP_PROMPT_IMPORTER_H_
