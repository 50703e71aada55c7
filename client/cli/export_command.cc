// export prompts.
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/command.h"
#include "client/cli/flags.h"
#include "client/cli/format.h"
#include "client/cli/progress.h"
#include "client/cli/prompt_export.h"

namespace vade::cli {
namespace {

class ExportPromptsCommand : public Command {
 public:
  CommandText Text() const override {
    return {"export", "prompts", "Write all prompts with what is known of them",
            "vadectl export prompts gsm8k prompts.jsonl --payload\n"
            "vadectl export prompts gsm8k --format csv",
            "--output=json writes the messages of the RPC instead, one a "
            "line."};
  }
  void AddFlags(CLI::App& app) override {
    AddRunArgument(app, run_);
    app.add_option("FILE", file_, "Where to; - (default) is stdout");
    AddChoice(app, "--format", format_, {"jsonl", "csv"}, "(default jsonl)");
    app.add_flag("--payload", payload_, "With payloads");
    AddLabelFilter(app, labels_);
  }
  absl::Status Run(Session& session) override {
    if (file_ == "-") return Export(session.out(), session);
    std::ofstream file(file_, std::ios::binary | std::ios::trunc);
    if (!file) return UsageError(absl::StrCat("cannot write ", file_));
    if (absl::Status status = Export(file, session); !status.ok()) {
      return status;
    }
    session.out() << count_ << " prompts written to " << file_ << "\n";
    return absl::OkStatus();
  }

 private:
  absl::Status Export(std::ostream& to, Session& session) {
    auto client = session.PatientClient(run_);
    if (!client.ok()) return client.status();
    api::ExportPromptsRequest request;
    request.set_run(client::RunName(run_));
    request.set_include_payloads(payload_);
    *request.mutable_filter() = ToLabelFilter(labels_);
    const bool csv = format_ == "csv";
    // Two moving things on one terminal would overwrite each other.
    const bool show = session.streams().err_is_terminal &&
                      !(file_ == "-" && session.streams().out_is_terminal);
    Progress progress(session.streams().err, show, "prompts",
                      client::SystemClock());
    if (csv && !session.json()) to << CsvHeader(payload_);
    absl::Status status = (*client)->ExportPrompts(
        request, [&](const api::ExportPromptsResponse& chunk) -> absl::Status {
          if (session.json()) {
            to << ToJson(chunk, /*pretty=*/false) << "\n";
          } else {
            for (const api::Prompt& prompt : chunk.prompts()) {
              to << (csv ? ToCsvLine(prompt, payload_)
                         : ToJsonLine(prompt, payload_));
            }
          }
          count_ += chunk.prompts_size();
          progress.Update(count_, -1);
          return to.good() ? absl::OkStatus()
                           : absl::ResourceExhaustedError(
                                 absl::StrCat("cannot write to ", file_));
        });
    to.flush();
    if (status.ok() && !to.good()) {
      return absl::ResourceExhaustedError(
          absl::StrCat("cannot write to ", file_));
    }
    return status;
  }

  std::string run_;
  std::string file_ = "-";
  std::string format_ = "jsonl";
  bool payload_ = false;
  std::vector<std::string> labels_;
  uint64_t count_ = 0;
};

}  // namespace

void AddExportCommand(CommandList& list) {
  list.push_back(std::make_unique<ExportPromptsCommand>());
}

}  // namespace vade::cli
