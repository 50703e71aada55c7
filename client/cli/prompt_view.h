// How prompts are shown to people.
#ifndef VADE_CLIENT_CLI_PROMPT_VIEW_H_
#define VADE_CLIENT_CLI_PROMPT_VIEW_H_

#include <string>
#include <utility>
#include <vector>

#include "google/protobuf/repeated_field.h"
#include "vade/sampler/v1/prompt.pb.h"

namespace vade::cli {

// "in flight", "disabled", "never dealt" or "free". Pure, thread-safe.
std::string PromptState(const sampler::v1::Prompt& prompt);

// What is known of one prompt, payload apart. Pure, thread-safe.
std::vector<std::pair<std::string, std::string>> PromptProperties(
    const sampler::v1::Prompt& prompt);

// A table, one line a prompt; `columns` as Table::Render. Pure, thread-safe.
std::string PromptTable(
    const google::protobuf::RepeatedPtrField<sampler::v1::Prompt>& prompts,
    int columns);

}  // namespace vade::cli

#endif  // VADE_CLIENT_CLI_PROMPT_VIEW_H_
