#include "client/cli/flags.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace vade::cli {
namespace {

std::string CheckDuration(const std::string& text) {
  absl::Duration duration;
  if (absl::ParseDuration(text, &duration) &&
      duration >= absl::ZeroDuration() &&
      duration != absl::InfiniteDuration()) {
    return "";
  }
  return absl::StrCat("'", text, "' is no duration such as 500ms, 30s or 2h");
}

std::string CheckAssignment(const std::string& text) {
  return std::string(SplitAssignment(text).status().message());
}

}  // namespace

CLI::Option* AddRunArgument(CLI::App& app, std::string& run) {
  return app.add_option("RUN", run, "Run, as gsm8k or runs/gsm8k")
      ->required()
      ->option_text(" ");
}

CLI::Option* AddChoice(CLI::App& app, const std::string& name,
                       std::string& value,
                       const std::vector<std::string>& choices,
                       const std::string& description) {
  const auto check = [choices](const std::string& text) -> std::string {
    if (std::find(choices.begin(), choices.end(), text) != choices.end()) {
      return "";
    }
    return absl::StrCat("'", text, "' is none of ",
                        absl::StrJoin(choices, ", "));
  };
  return app.add_option(name, value, description)
      ->type_name(absl::StrJoin(choices, "|"))
      ->check(CLI::Validator(check, ""));
}

std::vector<std::string> ChoicesOf(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  if (type.find('|') == std::string::npos) return {};
  return absl::StrSplit(type, '|');
}

CLI::Option* AddDuration(CLI::App& app, const std::string& name,
                         std::string& value, const std::string& description) {
  return app.add_option(name, value, description)
      ->type_name("DURATION")
      ->check(CLI::Validator(CheckDuration, ""));
}

absl::Duration ParseChecked(const std::string& value) {
  absl::Duration duration;
  return absl::ParseDuration(value, &duration) ? duration
                                               : absl::ZeroDuration();
}

CLI::Option* AddLabelFilter(CLI::App& app, std::vector<std::string>& labels) {
  return app
      .add_option("--label", labels,
                  "Only prompts with this label; of one key, any of the "
                  "values; repeatable")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check(CLI::Validator(CheckAssignment, ""));
}

sampler::v1::LabelFilter ToLabelFilter(const std::vector<std::string>& labels) {
  std::map<std::string, std::vector<std::string>> terms;
  for (const std::string& label : labels) {
    auto parts = SplitAssignment(label);
    if (parts.ok()) terms[parts->first].push_back(parts->second);
  }
  sampler::v1::LabelFilter filter;
  for (const auto& [key, values] : terms) {
    auto* term = filter.add_terms();
    term->set_key(key);
    for (const std::string& value : values) term->add_values(value);
  }
  return filter;
}

absl::StatusOr<std::pair<std::string, std::string>> SplitAssignment(
    const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is not of the form KEY=VALUE"));
  }
  return std::make_pair(text.substr(0, equals), text.substr(equals + 1));
}

}  // namespace vade::cli
