#include "server/command_line.h"

#include <algorithm>
#include <map>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace vade::server {
namespace {

constexpr char kDescription[] =
    "vade-server: samples training prompts by what the policy learns from "
    "them.\n\n"
    "Every flag but --help, --version and --check can come from the\n"
    "environment (--sync-interval: VADE_SERVER_SYNC_INTERVAL) or from the\n"
    "configuration file (sync-interval = \"2s\"). Flags win over the\n"
    "environment, the environment over the file, the file over defaults.\n\n"
    "Example: vade-server --data ./vade-data --address 127.0.0.1:7447";

constexpr char kFooter[] =
    "Exit codes: 0 stopped cleanly, 1 failed, 2 the command line is wrong.";

// The texts as they came, before they become settings.
struct Texts {
  std::string sync = "always";
  std::string sync_interval = "1s";
  std::string grace = "10s";
  std::string log_level = "info";
  std::string log_format = "text";
};

std::string CheckDuration(const std::string& text) {
  absl::Duration duration;
  if (absl::ParseDuration(text, &duration) &&
      duration >= absl::ZeroDuration() && duration <= absl::Hours(24)) {
    return "";
  }
  return absl::StrCat("got '", text,
                      "'; must be a duration of at most 24 h, such as 500ms, "
                      "10s or 2m");
}

std::string CheckPositiveDuration(const std::string& text) {
  absl::Duration duration;
  if (absl::ParseDuration(text, &duration) &&
      duration <= absl::ZeroDuration()) {
    return absl::StrCat("got '", text, "'; must be above 0");
  }
  return CheckDuration(text);
}

absl::Duration DurationOf(const std::string& text) {
  absl::Duration duration;
  return absl::ParseDuration(text, &duration) ? duration : absl::Duration();
}

void AddStoreOptions(CLI::App& app, Texts& texts, CommandLine& parsed) {
  app.add_option("--data", parsed.store.path,
                 "Folder of all state; made if it is not there")
      ->capture_default_str();
  app.add_option("--sync", texts.sync,
                 "What an answered change survives. always: kill -9 and power "
                 "loss. interval: kill -9; power loss costs at most the last "
                 "--sync-interval. never: kill -9; power loss costs what the "
                 "system had not written yet")
      ->check(CLI::IsMember({"always", "interval", "never"}))
      ->capture_default_str();
  app.add_option("--sync-interval", texts.sync_interval,
                 "For --sync=interval: time between two syncs")
      ->check(CheckPositiveDuration)
      ->capture_default_str();
  app.add_flag("--recover-to-point-in-time",
               parsed.store.recover_to_point_in_time,
               "Open a damaged store at the last point before the damage and "
               "give up every write after it");
}

void AddServiceOptions(CLI::App& app, Texts& texts, CommandLine& parsed) {
  ServerOptions& server = parsed.server;
  app.add_option("--address", server.address,
                 "host:port to listen on; port 0 takes a free one")
      ->capture_default_str();
  app.add_option("--port-file", parsed.port_file,
                 "Write the port to this file once it is bound");
  app.add_option("--threads", server.threads,
                 "Worker threads; 0: one for each processor, at least 2")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_option("--grace", texts.grace,
                 "How long calls in progress may take to end after SIGTERM or "
                 "SIGINT")
      ->check(CheckDuration)
      ->capture_default_str();
  app.add_option("--metrics-address", server.metrics_address,
                 "host:port for Prometheus to scrape, such as 127.0.0.1:9464; "
                 "default: off");
  app.add_option("--tls-cert", server.tls.cert_file,
                 "PEM certificate chain; read again when it changes");
  app.add_option("--tls-key", server.tls.key_file, "PEM key of --tls-cert");
  app.add_option("--tls-client-ca", server.tls.client_ca_file,
                 "PEM certificates: clients must show one that these signed");
}

void AddLogOptions(CLI::App& app, Texts& texts, CommandLine& parsed) {
  app.add_option("--log-level", texts.log_level, "Least level to log")
      ->check(CLI::IsMember({"debug", "info", "warning", "error", "off"}))
      ->capture_default_str();
  app.add_option("--log-format", texts.log_format, "Form of a line")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.add_option("--log-file", parsed.log.file,
                 "Append the log to this file; default: stderr");
}

// The arguments with the environment's before them, so that flags, which come
// later, win. CLI11's own way would let the file win over the environment.
std::vector<std::string> WithEnvironment(
    const CLI::App& app, const std::vector<std::string>& arguments,
    const Environment& environment) {
  std::vector<std::string> all;
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = option->get_single_name();
    if (name == "help" || name == "version" || name == "check") continue;
    const auto value = environment(absl::StrCat(
        "VADE_SERVER_",
        absl::AsciiStrToUpper(absl::StrReplaceAll(name, {{"-", "_"}}))));
    if (value.has_value()) all.push_back(absl::StrCat("--", name, "=", *value));
  }
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

void Convert(const Texts& texts, CommandLine& parsed) {
  static const std::map<std::string, storage::SyncMode> kSyncModes = {
      {"always", storage::SyncMode::kAlways},
      {"interval", storage::SyncMode::kInterval},
      {"never", storage::SyncMode::kNever}};
  static const std::map<std::string, LogLevel> kLevels = {
      {"debug", LogLevel::kDebug},
      {"info", LogLevel::kInfo},
      {"warning", LogLevel::kWarning},
      {"error", LogLevel::kError},
      {"off", LogLevel::kOff}};
  parsed.store.sync = kSyncModes.at(texts.sync);
  parsed.store.sync_interval = DurationOf(texts.sync_interval);
  parsed.grace = DurationOf(texts.grace);
  parsed.log.level = kLevels.at(texts.log_level);
  parsed.log.format =
      texts.log_format == "json" ? LogFormat::kJson : LogFormat::kText;
}

}  // namespace

std::optional<int> ParseCommandLine(const std::vector<std::string>& arguments,
                                    const Environment& environment,
                                    CommandLine& parsed) {
  parsed.store.path = "./vade-data";
  parsed.server.address = "127.0.0.1:7447";
  Texts texts;
  CLI::App app(kDescription, "vade-server");
  app.footer(kFooter);
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  AddStoreOptions(app, texts, parsed);
  AddServiceOptions(app, texts, parsed);
  AddLogOptions(app, texts, parsed);
  app.set_config("--config", "", "TOML or INI file of settings");
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.add_flag("--check", parsed.check,
               "Load every run, check all invariants, and exit");
  app.set_version_flag("--version", "vade-server " VADE_VERSION);
  std::vector<std::string> all = WithEnvironment(app, arguments, environment);
  std::reverse(all.begin(), all.end());  // as CLI11 takes them
  // CLI11 answers by exceptions; this is its border.
  try {
    app.parse(std::move(all));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  Convert(texts, parsed);
  return std::nullopt;
}

}  // namespace vade::server
