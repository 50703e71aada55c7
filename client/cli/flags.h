// Kinds of flags that several commands share: how they are declared to CLI11,
// checked while the command line is read, and turned into API values.
//
// Functions that declare a flag bind it to a variable, which must outlive the
// parse. Thread-compatible.
#ifndef VADE_CLIENT_CLI_FLAGS_H_
#define VADE_CLIENT_CLI_FLAGS_H_

#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "vade/sampler/v1/prompt.pb.h"

namespace vade::cli {

// A run as the first word after the command, "gsm8k" or "runs/gsm8k".
CLI::Option* AddRunArgument(CLI::App& app, std::string& run);

// One of a few words. Help and completion list them.
CLI::Option* AddChoice(CLI::App& app, const std::string& name,
                       std::string& value,
                       const std::vector<std::string>& choices,
                       const std::string& description);
// The words of an option made by AddChoice; empty for other options.
std::vector<std::string> ChoicesOf(const CLI::Option& option);

// A time with its unit, such as 30s, 5m or 1h30m, not negative.
CLI::Option* AddDuration(CLI::App& app, const std::string& name,
                         std::string& value, const std::string& description);
// The value of a flag that AddDuration has checked; zero for an empty one.
absl::Duration ParseChecked(const std::string& value);

// --label KEY=VALUE, repeatable: values of one key are alternatives, keys add
// up.
CLI::Option* AddLabelFilter(CLI::App& app, std::vector<std::string>& labels);
sampler::v1::LabelFilter ToLabelFilter(const std::vector<std::string>& labels);

// "a=b=c" -> {"a", "b=c"}. INVALID_ARGUMENT without '=' or with nothing before
// it.
absl::StatusOr<std::pair<std::string, std::string>> SplitAssignment(
    const std::string& text);

}  // namespace vade::cli

#endif  // VADE_CLIENT_CLI_FLAGS_H_
