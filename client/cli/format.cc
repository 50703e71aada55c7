#include "client/cli/format.h"

#include <cmath>
#include <map>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "client/cpp/error.h"
#include "google/protobuf/util/json_util.h"

namespace vade::cli {

std::string ToJson(const google::protobuf::Message& message, bool pretty) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = pretty;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status =
      google::protobuf::util::MessageToJsonString(message, &json, options);
  // Fails only for messages with an Any of unknown type; ours have none.
  if (!status.ok()) return "null";
  while (!json.empty() && json.back() == '\n') json.pop_back();
  return json;
}

std::string FormatShare(double share) {
  return absl::StrFormat("%.1f %%", share * 100);
}

std::string FormatRate(double rate) { return absl::StrFormat("%.3f", rate); }

std::string FormatNumber(double number) {
  if (std::abs(number) < 1e15 && number == std::floor(number)) {
    return absl::StrFormat("%.0f", number);
  }
  return absl::StrFormat("%.2f", number);
}

std::string FormatBool(bool value) { return value ? "yes" : "no"; }

std::string FormatDuration(const google::protobuf::Duration& duration) {
  if (duration.seconds() == 0 && duration.nanos() == 0) return "-";
  return absl::FormatDuration(FromProto(duration));
}

std::string FormatTime(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0 && time.nanos() == 0) return "-";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", FromProto(time),
                          absl::UTCTimeZone());
}

std::string FormatLabels(
    const google::protobuf::Map<std::string, std::string>& labels) {
  const std::map<std::string, std::string> ordered(labels.begin(),
                                                   labels.end());
  return absl::StrJoin(ordered, ",", absl::PairFormatter("="));
}

std::string FormatEnum(absl::string_view name) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(name), {{"_", " "}});
}

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) +
         absl::Nanoseconds(duration.nanos());
}

absl::Time FromProto(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) +
         absl::Nanoseconds(time.nanos());
}

google::protobuf::Duration ToProto(absl::Duration duration) {
  google::protobuf::Duration proto;
  absl::Duration rest;
  proto.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &rest));
  proto.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
  return proto;
}

std::string FormatError(const absl::Status& status,
                        const std::string& address) {
  std::string text = absl::StatusCodeToString(status.code());
  if (const auto info = client::ErrorInfoOf(status)) {
    absl::StrAppend(&text, " (", info->reason(), ")");
  } else if (status.code() == absl::StatusCode::kUnavailable) {
    return absl::StrCat(text, ": no server answers at ", address, ": ",
                        std::string(status.message()),
                        "\nIs it running, and is --address right?");
  }
  return absl::StrCat(text, ": ", std::string(status.message()));
}

}  // namespace vade::cli
