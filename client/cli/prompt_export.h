// Prompts as lines of a file: what `export prompts` writes.
#ifndef VADE_CLIENT_CLI_PROMPT_EXPORT_H_
#define VADE_CLIENT_CLI_PROMPT_EXPORT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "vade/sampler/v1/prompt.pb.h"

namespace vade::cli {

// One JSON object on one line, ended by a newline. With `with_payload` the
// payload is a string under "payload", or, if it is not UTF-8, base64 under
// "payload_base64"; `import prompts --payload=field:payload` reads it back byte
// for byte. Pure, thread-safe.
std::string ToJsonLine(const sampler::v1::Prompt& prompt, bool with_payload);

// The first line of the CSV form, and one line a prompt (RFC 4180). Pure,
// thread-safe.
std::string CsvHeader(bool with_payload);
std::string ToCsvLine(const sampler::v1::Prompt& prompt, bool with_payload);

// A CSV cell, in quotes if it needs them.
std::string CsvCell(absl::string_view text);

}  // namespace vade::cli

#endif  // VADE_CLIENT_CLI_PROMPT_EXPORT_H_
