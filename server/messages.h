// The engine's answers as messages of the API. Each fills a fresh message.
// Pure functions, thread-safe.
#ifndef VADE_SERVER_MESSAGES_H_
#define VADE_SERVER_MESSAGES_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/sampling/requests.h"
#include "vade/sampler/v1/batch.pb.h"
#include "vade/sampler/v1/prompt.pb.h"
#include "vade/sampler/v1/report.pb.h"
#include "vade/sampler/v1/run.pb.h"
#include "vade/sampler/v1/stats.pb.h"

namespace vade::server {

void Fill(const sampling::RunInfo& info, sampler::v1::Run& run);

// Without the payload.
void Fill(const sampling::PromptInfo& info, sampler::v1::Prompt& prompt);

// Without payloads.
void Fill(const sampling::SampleResult& result,
          sampler::v1::SampleBatchResponse& response);

void Fill(absl::string_view run_id, const sampling::BatchInfo& info,
          sampler::v1::Batch& batch);

void Fill(const sampling::ReportResult& result,
          sampler::v1::ReportRewardsResponse& response);

void Fill(const sampling::ImportResult& result,
          sampler::v1::ImportPromptsResponse& response);

void Fill(const sampling::RunStatsInfo& info, absl::Time now,
          sampler::v1::RunStats& stats);

}  // namespace vade::server

#endif  // VADE_SERVER_MESSAGES_H_
