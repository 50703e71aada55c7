// Values as text for people, and messages as JSON for programs. Pure,
// thread-safe.
#ifndef VADE_CLIENT_CLI_FORMAT_H_
#define VADE_CLIENT_CLI_FORMAT_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/map.h"
#include "google/protobuf/message.h"
#include "google/protobuf/timestamp.pb.h"

namespace vade::cli {

// The JSON of protobuf with the field names of the .proto files and every
// field present, also those that are zero or empty. Without a newline at the
// end; `pretty` breaks and indents the lines.
std::string ToJson(const google::protobuf::Message& message, bool pretty);

// 0.4321 -> "43.2 %".
std::string FormatShare(double share);
// A pass rate and other numbers in [0, 1], to 3 decimals: "0.432".
std::string FormatRate(double rate);
// Up to 2 decimals, none for whole numbers: "12", "12.25".
std::string FormatNumber(double number);
// "yes" or "no".
std::string FormatBool(bool value);
// "30m", "1.5s"; "-" if unset.
std::string FormatDuration(const google::protobuf::Duration& duration);
// "2026-01-31 12:34:56 UTC"; "-" if unset.
std::string FormatTime(const google::protobuf::Timestamp& time);
// "domain=algebra,source=math", ordered by key.
std::string FormatLabels(
    const google::protobuf::Map<std::string, std::string>& labels);
// IN_FLIGHT -> "in flight": the value of an enum in words.
std::string FormatEnum(absl::string_view name);

absl::Duration FromProto(const google::protobuf::Duration& duration);
absl::Time FromProto(const google::protobuf::Timestamp& time);
google::protobuf::Duration ToProto(absl::Duration duration);

// What stands on stderr for a call that failed: "NOT_FOUND (RUN_NOT_FOUND):
// text". For errors that a person can do something about, a hint follows on a
// line of its own. `address` is where the client calls.
std::string FormatError(const absl::Status& status, const std::string& address);

}  // namespace vade::cli

#endif  // VADE_CLIENT_CLI_FORMAT_H_
