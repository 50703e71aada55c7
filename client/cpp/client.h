// Client: typed calls of vade.sampler.v1 with deadlines, repeats of what is
// safe to repeat, and errors as absl::Status. One client is one connection; a
// program needs one for each server.
//
// Thread-safe: any number of threads may call at once.
//
// Every call returns the server's answer, or its error with the same code,
// message and ErrorInfo (error.h reads the reason). On top of what
// sampler.proto lists for the method: UNAVAILABLE if no attempt reached a
// server before the deadline, DEADLINE_EXCEEDED if an answer did not come by
// then, in which case a call that changes state may have taken effect or not.
//
// retry.h has the table of what is repeated. Four methods need more than that:
//   SampleBatch   A request_id is made up if the caller gave none, and kept
//                 over all attempts: a lost answer is not a lost lease.
//   CreateRun     If an attempt may have been lost on its way back and the next
//                 one finds the run there, with all settings as asked for, that
//                 run is returned; with other settings, ALREADY_EXISTS.
//   UpdateRun     As CreateRun: ABORTED is resolved by reading the run again.
//   DeleteRun, DeletePrompt
//                 NOT_FOUND after such an attempt is success.
#ifndef VADE_CLIENT_CPP_CLIENT_H_
#define VADE_CLIENT_CPP_CLIENT_H_

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cpp/cancellation.h"
#include "client/cpp/error.h"
#include "client/cpp/names.h"
#include "client/cpp/options.h"
#include "vade/sampler/v1/batch.pb.h"
#include "vade/sampler/v1/prompt.pb.h"
#include "vade/sampler/v1/report.pb.h"
#include "vade/sampler/v1/run.pb.h"
#include "vade/sampler/v1/stats.pb.h"

namespace vade::client {

namespace api = ::vade::sampler::v1;

class Transport;

class Client {
 public:
  // Does not wait for the server: the first call connects, and calls reconnect
  // as needed. INVALID_ARGUMENT for options outside their range; NOT_FOUND for
  // a TLS file that cannot be read.
  static absl::StatusOr<std::unique_ptr<Client>> Connect(ClientOptions options);
  ~Client();

  // Runs.
  absl::StatusOr<api::Run> CreateRun(const api::CreateRunRequest& request,
                                     const CallOptions& options = {});
  absl::StatusOr<api::Run> GetRun(const api::GetRunRequest& request,
                                  const CallOptions& options = {});
  absl::StatusOr<api::ListRunsResponse> ListRuns(
      const api::ListRunsRequest& request, const CallOptions& options = {});
  absl::StatusOr<api::Run> UpdateRun(const api::UpdateRunRequest& request,
                                     const CallOptions& options = {});
  absl::Status DeleteRun(const api::DeleteRunRequest& request,
                         const CallOptions& options = {});

  // Prompts. To import, see PromptImporter (prompt_importer.h).
  absl::StatusOr<api::Prompt> GetPrompt(const api::GetPromptRequest& request,
                                        const CallOptions& options = {});
  absl::StatusOr<api::BatchGetPromptsResponse> BatchGetPrompts(
      const api::BatchGetPromptsRequest& request,
      const CallOptions& options = {});
  absl::StatusOr<api::ListPromptsResponse> ListPrompts(
      const api::ListPromptsRequest& request, const CallOptions& options = {});
  absl::StatusOr<api::Prompt> UpdatePrompt(
      const api::UpdatePromptRequest& request, const CallOptions& options = {});
  absl::Status DeletePrompt(const api::DeletePromptRequest& request,
                            const CallOptions& options = {});

  // Calls `on_chunk` with each message, in order. An error it returns ends the
  // call with that error. Repeated only while no message has come. The timeout
  // covers the whole stream; default: none.
  absl::Status ExportPrompts(
      const api::ExportPromptsRequest& request,
      absl::FunctionRef<absl::Status(const api::ExportPromptsResponse&)>
          on_chunk,
      const CallOptions& options = {});

  // Batches. The default timeout of SampleBatch is the client's plus max_wait.
  absl::StatusOr<api::SampleBatchResponse> SampleBatch(
      const api::SampleBatchRequest& request, const CallOptions& options = {});
  absl::StatusOr<api::Batch> GetBatch(const api::GetBatchRequest& request,
                                      const CallOptions& options = {});
  absl::StatusOr<api::ListBatchesResponse> ListBatches(
      const api::ListBatchesRequest& request, const CallOptions& options = {});
  absl::StatusOr<api::Batch> RenewBatch(const api::RenewBatchRequest& request,
                                        const CallOptions& options = {});
  absl::StatusOr<api::Batch> ReleaseBatch(
      const api::ReleaseBatchRequest& request, const CallOptions& options = {});

  // Reports and statistics.
  absl::StatusOr<api::ReportRewardsResponse> ReportRewards(
      const api::ReportRewardsRequest& request,
      const CallOptions& options = {});
  absl::StatusOr<api::RunStats> GetRunStats(
      const api::GetRunStatsRequest& request, const CallOptions& options = {});

  // Calls `on_stats` with each message until it returns false (then OK),
  // `cancellation` is cancelled (CANCELLED) or the call fails. Reconnects after
  // a lost connection, for as long as the client's default timeout allows
  // without a message; a reconnect shows the state at once, so nothing but
  // intermediate updates is missed. The timeout covers the whole watch;
  // default: none.
  absl::Status WatchRun(const api::WatchRunRequest& request,
                        absl::FunctionRef<bool(const api::RunStats&)> on_stats,
                        Cancellation* cancellation = nullptr,
                        const CallOptions& options = {});

  // OK if the server serves now. UNAVAILABLE if it cannot be reached, loads or
  // drains. One attempt, no repeats.
  absl::Status CheckHealth(const CallOptions& options = {});

  // Waits until CheckHealth is OK. Its last error, UNAVAILABLE, if that is not
  // so within `timeout`.
  absl::Status WaitUntilServing(absl::Duration timeout);

  // For PromptImporter.
  Transport& transport() { return *transport_; }

 private:
  explicit Client(std::unique_ptr<Transport> transport);

  const std::unique_ptr<Transport> transport_;
};

}  // namespace vade::client

#endif  // VADE_CLIENT_CPP_CLIENT_H_
