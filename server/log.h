// The server's log: a message and named values on one line, as text or JSON,
// written by spdlog. Plain functions, thread-safe; StartLog comes first.
#ifndef VADE_SERVER_LOG_H_
#define VADE_SERVER_LOG_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace vade::server {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };
enum class LogFormat { kText, kJson };

struct LogOptions {
  LogLevel level = LogLevel::kInfo;  // and above
  LogFormat format = LogFormat::kText;
  // Appended to; empty: stderr.
  std::string file;
};

// Without it, warnings and errors go to stderr as text. INVALID_ARGUMENT if the
// file cannot be opened.
absl::Status StartLog(const LogOptions& options);

using LogFields = std::vector<std::pair<std::string, std::string>>;

// One line. `message` is constant text; what varies goes into `fields`.
void Log(LogLevel level, const std::string& message,
         const LogFields& fields = {});

// Writes out what is buffered.
void FlushLog();

// The line without time and level, for tests.
std::string FormatLog(LogFormat format, const std::string& message,
                      const LogFields& fields);

}  // namespace vade::server

#endif  // VADE_SERVER_LOG_H_
