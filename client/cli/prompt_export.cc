#include "client/cli/prompt_export.h"

#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/cli/format.h"

namespace vade::cli {
namespace {

using Json = nlohmann::ordered_json;

bool IsUtf8(const std::string& text) {
  // The library's own check: strict dumping of a string that is not UTF-8
  // replaces bytes, so the text comes back changed.
  const std::string dumped =
      Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  return Json::parse(dumped, nullptr, false) == Json(text);
}

}  // namespace

std::string ToJsonLine(const sampler::v1::Prompt& prompt, bool with_payload) {
  Json line;
  line["id"] = prompt.id();
  line["labels"] = Json::object();
  for (const auto& [key, value] : prompt.labels()) line["labels"][key] = value;
  line["disabled"] = prompt.disabled();
  line["in_flight"] = prompt.in_flight();
  line["alpha"] = prompt.evidence().alpha();
  line["beta"] = prompt.evidence().beta();
  line["posterior_mean"] = prompt.posterior_mean();
  line["expected_egr"] = prompt.expected_egr();
  line["deal_count"] = prompt.deal_count();
  line["rollout_count"] = prompt.rollout_count();
  line["success_sum"] = prompt.success_sum();
  if (with_payload) {
    if (IsUtf8(prompt.payload())) {
      line["payload"] = prompt.payload();
    } else {
      line["payload_base64"] = absl::Base64Escape(prompt.payload());
    }
  }
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string CsvCell(absl::string_view text) {
  if (text.find_first_of(",\"\r\n") == absl::string_view::npos) {
    return std::string(text);
  }
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

std::string CsvHeader(bool with_payload) {
  return absl::StrCat(
      "id,labels,disabled,in_flight,alpha,beta,posterior_mean,expected_egr,"
      "deal_count,rollout_count,success_sum",
      with_payload ? ",payload" : "", "\n");
}

std::string ToCsvLine(const sampler::v1::Prompt& prompt, bool with_payload) {
  // Json prints the shortest number that reads back as the same double.
  const auto number = [](double value) { return Json(value).dump(); };
  return absl::StrCat(
      CsvCell(prompt.id()), ",", CsvCell(FormatLabels(prompt.labels())), ",",
      prompt.disabled() ? "true" : "false", ",",
      prompt.in_flight() ? "true" : "false", ",",
      number(prompt.evidence().alpha()), ",", number(prompt.evidence().beta()),
      ",", number(prompt.posterior_mean()), ",", number(prompt.expected_egr()),
      ",", prompt.deal_count(), ",", prompt.rollout_count(), ",",
      number(prompt.success_sum()),
      with_payload ? absl::StrCat(",", CsvCell(prompt.payload())) : "", "\n");
}

}  // namespace vade::cli
