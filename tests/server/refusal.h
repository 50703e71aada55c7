// What an error says it is about. Pure functions, thread-safe.
#ifndef VADE_TESTS_SERVER_REFUSAL_H_
#define VADE_TESTS_SERVER_REFUSAL_H_

#include <string>

#include "absl/status/status.h"
#include "server/sampling/error.h"

namespace vade::server {

// The field of an INVALID_FIELD; empty if OK; else the error in words.
inline std::string RefusedField(const absl::Status& status) {
  if (status.ok()) return "";
  if (sampling::ErrorReason(status) != "INVALID_FIELD") {
    return status.ToString();
  }
  for (const auto& [key, value] : sampling::ErrorMetadata(status)) {
    if (key == "field") return value;
  }
  return "no field";
}

}  // namespace vade::server

#endif  // VADE_TESTS_SERVER_REFUSAL_H_
