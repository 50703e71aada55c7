#include "client/cli/program.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/completion.h"
#include "client/cli/flags.h"
#include "client/cli/format.h"
#include "client/cli/help_formatter.h"

namespace vade::cli {
namespace {

constexpr char kVersion[] = "vadectl 0.1.0";

class CompletionCommand : public Command {
 public:
  explicit CompletionCommand(const CLI::App& app) : app_(app) {}

  CommandText Text() const override {
    return {"completion", "bash", "Print a script that completes in bash",
            "source <(vadectl completion bash)", ""};
  }
  void AddFlags(CLI::App&) override {}
  absl::Status Run(Session& session) override {
    session.out() << BashCompletion(app_);
    return absl::OkStatus();
  }

 private:
  const CLI::App& app_;
};

std::string Footer(const CommandText& text) {
  std::string footer;
  if (!text.details.empty()) footer = absl::StrCat(text.details, "\n\n");
  absl::StrAppend(&footer, "Example:\n");
  size_t start = 0;
  while (start <= text.example.size()) {
    const size_t end =
        std::min(text.example.find('\n', start), text.example.size());
    absl::StrAppend(&footer, "  ", text.example.substr(start, end - start),
                    "\n");
    start = end + 1;
  }
  return footer + "\nFlags of every command: vadectl --help";
}

}  // namespace

Program::Program()
    : app_("Talks to a VADE sampler: knows which prompts are worth a rollout.",
           "vadectl") {
  auto formatter = std::make_shared<HelpFormatter>();
  formatter->label("SUBCOMMAND", "COMMAND");
  formatter->label("Positionals", "Arguments");
  formatter->label("OPTIONS", "FLAGS");
  app_.formatter(std::move(formatter));
  app_.option_defaults()->group("Flags");
  app_.set_help_flag("-h,--help", "Print this and exit");
  app_.require_subcommand(1);
  app_.set_version_flag("--version", kVersion, "Print the version and exit");
  app_.footer(
      "Flags go before or after the command, and stand above the environment.\n"
      "Exit status: 0 done, 1 the call failed, 2 the command line is wrong.\n"
      "\n"
      "Example:\n"
      "  vadectl create run gsm8k\n"
      "  vadectl import prompts gsm8k train.jsonl\n"
      "  vadectl sample batch gsm8k --size 128");
  AddGlobalFlags();

  AddRunCommands(commands_);
  AddPromptCommands(commands_);
  AddImportCommand(commands_);
  AddExportCommand(commands_);
  AddExplainCommand(commands_);
  AddBatchCommands(commands_);
  AddReportCommand(commands_);
  AddStatsCommands(commands_);
  AddHealthCommand(commands_);
  commands_.push_back(std::make_unique<CompletionCommand>(app_));
  for (const std::unique_ptr<Command>& command : commands_) {
    AddCommand(*command);
  }
}

void Program::AddGlobalFlags() {
  app_.add_option("--address", flags_.address,
                  absl::StrCat("Server, as host:port or unix:/path (default ",
                               client::kDefaultAddress, ")"))
      ->type_name("ADDRESS")
      ->envname("VADECTL_ADDRESS");
  AddDuration(app_, "--timeout", flags_.timeout,
              "Longest a call may take, with its repeats (default 30s)")
      ->envname("VADECTL_TIMEOUT");
  AddChoice(app_, "--output", flags_.output, {"table", "json"},
            "For people, or the answer of the RPC as JSON (default table)")
      ->envname("VADECTL_OUTPUT");
  app_.add_flag("--tls", flags_.tls,
                "Encrypt, and trust the system's authorities")
      ->envname("VADECTL_TLS");
  app_.add_option("--tls-ca", flags_.tls_ca_file,
                  "Encrypt, and trust the authorities of this PEM file")
      ->type_name("FILE")
      ->envname("VADECTL_TLS_CA");
  CLI::Option* certificate =
      app_.add_option("--tls-cert", flags_.tls_certificate_file,
                      "Certificate to show to the server, PEM")
          ->type_name("FILE")
          ->envname("VADECTL_TLS_CERT");
  app_.add_option("--tls-key", flags_.tls_key_file, "Its key, PEM")
      ->type_name("FILE")
      ->envname("VADECTL_TLS_KEY")
      ->needs(certificate);
}

void Program::AddCommand(Command& command) {
  const CommandText text = command.Text();
  CLI::App*& verb = verbs_[text.verb];
  if (verb == nullptr) {
    verb = app_.add_subcommand(text.verb);
    verb->require_subcommand(1);
    verb->fallthrough();
    verb->group("Commands");
  }
  const std::string nouns = verb->get_description();
  verb->description(nouns.empty() ? text.noun
                                  : absl::StrCat(nouns, ", ", text.noun));
  CLI::App* leaf = verb->add_subcommand(text.noun, text.summary);
  leaf->fallthrough();
  leaf->footer(Footer(text));
  leaf->group("Commands");
  command.AddFlags(*leaf);
  leaves_.push_back(leaf);
}

std::string Program::Check(const std::vector<std::string>& arguments) {
  // The library takes them last first.
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app_.parse(reversed);
  } catch (const CLI::ParseError& error) {
    return error.what();
  }
  return "";
}

int Program::Run(const std::vector<std::string>& arguments, Streams& streams) {
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app_.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    streams.out << app_.help();
    return kExitDone;
  } catch (const CLI::CallForVersion&) {
    streams.out << kVersion << "\n";
    return kExitDone;
  } catch (const CLI::ParseError& error) {
    streams.err << "vadectl: " << error.what() << "\n";
    std::string path = "vadectl";
    for (const CLI::App* app = &app_; !app->get_subcommands().empty();) {
      app = app->get_subcommands().front();
      absl::StrAppend(&path, " ", app->get_name());
    }
    streams.err << "Try: " << path << " --help\n";
    return kExitUsage;
  }
  return Execute(streams);
}

int Program::Execute(Streams& streams) {
  const auto leaf =
      std::find_if(leaves_.begin(), leaves_.end(),
                   [](const CLI::App* app) { return app->parsed(); });
  Command& command = *commands_[leaf - leaves_.begin()];
  Session session(flags_, streams);
  const absl::Status status = command.Run(session);
  streams.out.flush();
  if (IsUsageError(status)) {
    streams.err << "vadectl: " << std::string(status.message()) << "\n";
    return kExitUsage;
  }
  if (!status.ok()) {
    streams.err << "vadectl: " << FormatError(status, flags_.address) << "\n";
    return kExitFailed;
  }
  if (!streams.out.good()) {
    streams.err << "vadectl: cannot write to the standard output\n";
    return kExitFailed;
  }
  return kExitDone;
}

}  // namespace vade::cli
