// Resource names: builds `runs/{run}/prompts/{prompt}` and the like, and takes
// them apart. Does not judge ids; the server does. Pure functions, thread-safe.
#ifndef VADE_CLIENT_CPP_NAMES_H_
#define VADE_CLIENT_CPP_NAMES_H_

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace vade::client {

// "gsm8k" and "runs/gsm8k" both give "runs/gsm8k".
inline std::string RunName(absl::string_view run) {
  return absl::StartsWith(run, "runs/") ? std::string(run)
                                        : absl::StrCat("runs/", run);
}

// "gsm8k" of either form.
inline std::string RunId(absl::string_view run) {
  return absl::StartsWith(run, "runs/") ? std::string(run.substr(5))
                                        : std::string(run);
}

// `prompt` is an id, which may hold '/'.
inline std::string PromptName(absl::string_view run, absl::string_view prompt) {
  return absl::StrCat(RunName(run), "/prompts/", prompt);
}

// `batch` is an id, or already a name of this run.
inline std::string BatchName(absl::string_view run, absl::string_view batch) {
  const std::string prefix = absl::StrCat(RunName(run), "/batches/");
  return absl::StartsWith(batch, prefix) ? std::string(batch)
                                         : absl::StrCat(prefix, batch);
}

// The part after the last '/': the id of a run's or a batch's name.
inline std::string LastPart(absl::string_view name) {
  const size_t slash = name.rfind('/');
  return std::string(slash == absl::string_view::npos ? name
                                                      : name.substr(slash + 1));
}

}  // namespace vade::client

#endif  // VADE_CLIENT_CPP_NAMES_H_
