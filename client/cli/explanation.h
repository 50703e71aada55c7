// Why a prompt stands where it stands, in plain sentences.
#ifndef VADE_CLIENT_CLI_EXPLANATION_H_
#define VADE_CLIENT_CLI_EXPLANATION_H_

#include <string>

#include "vade/sampler/v1/batch.pb.h"
#include "vade/sampler/v1/prompt.pb.h"
#include "vade/sampler/v1/run.pb.h"

namespace vade::cli {

struct Interval {
  double low = 0;
  double high = 1;
};

// The central interval that holds 95 % of Beta(alpha + 1, beta + 1): its
// quantiles at 0.025 and 0.975. `evidence` is >= 0. Pure, thread-safe.
Interval CentralInterval(const sampler::v1::Evidence& evidence);

// Sentences, then a table. `last_batch` is the batch that dealt it last, null
// if it was never dealt or that batch is forgotten; `columns` as
// Table::Render. Pure, thread-safe.
std::string Explain(const sampler::v1::Run& run,
                    const sampler::v1::Prompt& prompt,
                    const sampler::v1::Batch* last_batch, int columns);

// The same for programs, as indented JSON: `prompt` is the message that
// GetPrompt gave, as ToJson has it; `posterior_interval` is the interval above,
// as `low`, `high` and its `probability`. Pure, thread-safe.
std::string ExplainAsJson(const sampler::v1::Prompt& prompt);

}  // namespace vade::cli

#endif  // VADE_CLIENT_CLI_EXPLANATION_H_
