#include "server/metered_store.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "server/log.h"

namespace vade::server {

absl::Status MeteredStore::Write(const storage::Mutation& mutation) {
  const auto start = std::chrono::steady_clock::now();
  absl::Status status = store_.Write(mutation);
  const absl::Duration took =
      absl::FromChrono(std::chrono::steady_clock::now() - start);
  metrics_.Wrote(mutation.bytes(), took, status.ok());
  if (!status.ok()) {
    Log(LogLevel::kError, "write failed",
        {{"error", std::string(status.message())},
         {"changes", absl::StrCat(mutation.size())},
         {"bytes", absl::StrCat(mutation.bytes())}});
  }
  return status;
}

}  // namespace vade::server
