#include "server/log.h"

#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "spdlog/sinks/basic_file_sink.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace vade::server {
namespace {

constexpr char kLoggerName[] = "vade-server";
// Times in UTC, so that logs of many machines line up.
constexpr char kTextPattern[] = "%Y-%m-%dT%H:%M:%S.%eZ %l %v";
// FormatLog leaves the braces to this pattern.
constexpr char kJsonPattern[] =
    R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})";

// Atomic: set once at the start, read by every thread.
std::atomic<LogFormat> g_format{LogFormat::kText};

spdlog::level::level_enum Level(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      break;
  }
  return spdlog::level::off;
}

// Not valid UTF-8 is written with replacement characters.
std::string Json(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false,
                                   nlohmann::json::error_handler_t::replace);
}

bool IsPlain(const std::string& value) {
  return !value.empty() &&
         value.find_first_of(" \"=\\\t\n\r") == std::string::npos;
}

spdlog::logger& Logger() {
  static const std::shared_ptr<spdlog::logger> fallback = [] {
    auto logger = std::make_shared<spdlog::logger>(
        kLoggerName, std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_level(spdlog::level::warn);
    logger->set_pattern(kTextPattern, spdlog::pattern_time_type::utc);
    return logger;
  }();
  spdlog::logger* const current = spdlog::default_logger_raw();
  return current->name() == kLoggerName ? *current : *fallback;
}

}  // namespace

absl::Status StartLog(const LogOptions& options) {
  std::shared_ptr<spdlog::logger> logger;
  // spdlog answers by exceptions; this is its border.
  try {
    spdlog::sink_ptr sink;
    if (options.file.empty()) {
      sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
      sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file);
    }
    logger = std::make_shared<spdlog::logger>(kLoggerName, std::move(sink));
  } catch (const spdlog::spdlog_ex& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("--log-file: ", error.what()));
  }
  g_format = options.format;
  logger->set_level(Level(options.level));
  logger->set_pattern(
      options.format == LogFormat::kJson ? kJsonPattern : kTextPattern,
      spdlog::pattern_time_type::utc);
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
  return absl::OkStatus();
}

void Log(LogLevel level, const std::string& message, const LogFields& fields) {
  spdlog::logger& logger = Logger();
  if (!logger.should_log(Level(level))) return;
  const std::string line = FormatLog(g_format, message, fields);
  logger.log(Level(level), spdlog::string_view_t(line.data(), line.size()));
}

void FlushLog() { Logger().flush(); }

std::string FormatLog(LogFormat format, const std::string& message,
                      const LogFields& fields) {
  if (format == LogFormat::kJson) {
    std::string line = absl::StrCat("\"message\":", Json(message));
    for (const auto& [name, value] : fields) {
      absl::StrAppend(&line, ",", Json(name), ":", Json(value));
    }
    return line;
  }
  std::string line = message;
  for (const auto& [name, value] : fields) {
    absl::StrAppend(&line, " ", name, "=");
    if (IsPlain(value)) {
      absl::StrAppend(&line, absl::Utf8SafeCHexEscape(value));
    } else {
      absl::StrAppend(&line, "\"", absl::Utf8SafeCHexEscape(value), "\"");
    }
  }
  return line;
}

}  // namespace vade::server
