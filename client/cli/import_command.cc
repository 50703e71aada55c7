// import prompts.
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "client/cli/command.h"
#include "client/cli/flags.h"
#include "client/cli/format.h"
#include "client/cli/progress.h"
#include "client/cli/prompt_mapper.h"
#include "client/cli/row_source.h"
#include "client/cpp/prompt_importer.h"

namespace vade::cli {
namespace {

constexpr char kFieldPrefix[] = "field:";
// How often the progress is looked at, in rows.
constexpr uint64_t kProgressRows = 256;

std::string CheckLabel(const std::string& text) {
  return std::string(ParseLabel(text).status().message());
}

std::string CheckPayload(const std::string& text) {
  if (text == "line" || text == "none") return "";
  if (absl::StartsWith(text, kFieldPrefix) &&
      text.size() > sizeof(kFieldPrefix) - 1) {
    return "";
  }
  return absl::StrCat("'", text, "' is not line, none or field:NAME");
}

class ImportPromptsCommand : public Command {
 public:
  CommandText Text() const override {
    return {"import", "prompts", "Add or update prompts from JSONL or CSV",
            "vadectl import prompts gsm8k train.jsonl\n"
            "vadectl import prompts gsm8k train.jsonl --id-field id "
            "--label source==gsm8k\n"
            "vadectl import prompts deepscaler rates.csv --pass-rate-field p",
            "One row is one prompt. Without --id-field the id is the row's "
            "field \"id\" if it\nhas one, else 16 hexadecimal digits of the "
            "64-bit FNV-1a hash of the line.\nA bad row stops the import "
            "before anything of its chunk (up to 5000 prompts) is\nsent; "
            "chunks before it stay. Importing all again is safe."};
  }

  void AddFlags(CLI::App& app) override {
    AddRunArgument(app, run_);
    app.add_option("FILE", file_, "JSONL, CSV if it ends in .csv, - for stdin")
        ->required();
    AddChoice(app, "--format", format_, {"jsonl", "csv"},
              "What FILE is, whatever its name");
    app.add_option("--id-field", id_fields_,
                   "Field with the id; several, as A,B, are joined by /")
        ->type_name("FIELD");
    app.add_option("--label", labels_,
                   "Label with the value of a field; KEY==VALUE: with this "
                   "value; repeatable")
        ->type_name("KEY=FIELD")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->check(CLI::Validator(CheckLabel, ""));
    app.add_option(
           "--payload", payload_,
           "What is kept as the payload: line (default: the whole row), "
           "none or field:NAME")
        ->type_name("WHAT")
        ->check(CLI::Validator(CheckPayload, ""));
    auto* rate = app.add_option("--pass-rate-field", mapping_.pass_rate_field,
                                "Field with a known pass rate, 0 to 1")
                     ->type_name("FIELD");
    auto* correct =
        app.add_option("--correct-field", mapping_.correct_field,
                       "Field with how many rollouts were correct ...")
            ->type_name("FIELD")
            ->excludes(rate);
    auto* rollouts = app.add_option("--rollouts-field", mapping_.rollouts_field,
                                    "... of how many")
                         ->type_name("FIELD")
                         ->needs(correct);
    correct->needs(rollouts);
    app.add_option("--weight", mapping_.weight,
                   "Rollouts that a known pass rate counts as (default 8)")
        ->type_name("N");
    AddChoice(app, "--existing", existing_, {"update", "skip", "fail"},
              "What to do with prompts that are there (default update)");
  }

  absl::Status Run(Session& session) override {
    if (absl::Status status = FillMapping(); !status.ok()) return status;
    const bool is_stdin = file_ == "-";
    std::ifstream file;
    uint64_t size = 0;
    if (!is_stdin) {
      file.open(file_, std::ios::binary);
      std::error_code error;
      if (!file || std::filesystem::is_directory(file_, error)) {
        return UsageError(absl::StrCat("cannot read ", file_));
      }
      size = std::filesystem::file_size(file_, error);
      if (error) size = 0;
    }
    const bool csv = format_.empty() ? absl::EndsWithIgnoreCase(file_, ".csv")
                                     : format_ == "csv";
    RowSource rows(is_stdin ? session.streams().in : file,
                   is_stdin ? "<stdin>" : file_,
                   csv ? RowFormat::kCsv : RowFormat::kJsonl);
    return Import(rows, size, session);
  }

 private:
  absl::Status FillMapping() {
    if (!id_fields_.empty()) {
      mapping_.id_fields = absl::StrSplit(id_fields_, ',');
    }
    for (const std::string& text : labels_) {
      auto label = ParseLabel(text);
      if (!label.ok()) return label.status();
      mapping_.labels.push_back(*std::move(label));
    }
    if (payload_ == "none") {
      mapping_.payload = PromptMapping::Payload::kNone;
    } else if (absl::StartsWith(payload_, kFieldPrefix)) {
      mapping_.payload = PromptMapping::Payload::kField;
      mapping_.payload_field = payload_.substr(sizeof(kFieldPrefix) - 1);
    }
    return absl::OkStatus();
  }

  client::ImportOptions MakeOptions() const {
    client::ImportOptions options;
    if (existing_ == "skip") {
      options.existing_prompts = api::EXISTING_PROMPTS_SKIP;
    } else if (existing_ == "fail") {
      options.existing_prompts = api::EXISTING_PROMPTS_FAIL;
    }
    return options;
  }

  // `size` of the file in bytes, 0 if unknown.
  absl::Status Import(RowSource& rows, uint64_t size, Session& session) {
    auto client = session.PatientClient(run_);
    if (!client.ok()) return client.status();
    client::PromptImporter importer(**client, run_, MakeOptions());
    PromptMapper mapper(mapping_);
    Progress progress(session.streams().err, session.streams().err_is_terminal,
                      "prompts", client::SystemClock());
    Row row;
    uint64_t count = 0;
    absl::Status failure;
    while (failure.ok()) {
      auto more = rows.Next(row);
      if (!more.ok()) failure = more.status();
      if (!more.ok() || !*more) break;
      auto prompt = mapper.Map(row);
      if (!prompt.ok()) {
        failure = rows.ErrorAt(row, std::string(prompt.status().message()));
        break;
      }
      if (!prompt->has_value()) continue;
      // An error of the server is not the row's.
      absl::Status added = importer.Add(**std::move(prompt));
      if (!added.ok()) return WithStored(added, importer);
      if (++count % kProgressRows == 0) {
        progress.Update(count, size == 0
                                   ? -1.0
                                   : static_cast<double>(rows.bytes_read()) /
                                         static_cast<double>(size));
      }
    }
    if (!failure.ok()) importer.DiscardChunk();
    auto counts = importer.Finish();
    if (!counts.ok()) return WithStored(counts.status(), importer);
    if (!failure.ok()) return WithStored(failure, importer);
    if (session.json()) return session.PrintJson(*counts);
    Report(*counts, mapper.repeated_count(), progress.elapsed(), session);
    return absl::OkStatus();
  }

  static absl::Status WithStored(const absl::Status& status,
                                 const client::PromptImporter& importer) {
    return client::AppendToMessage(
        status, absl::StrCat("\n", importer.stored_count(),
                             " prompts before it were imported"));
  }

  static void Report(const api::ImportPromptsResponse& counts,
                     uint64_t repeated, absl::Duration elapsed,
                     Session& session) {
    const uint64_t total = counts.created_count() + counts.updated_count() +
                           counts.skipped_count();
    const double seconds = absl::ToDoubleSeconds(elapsed);
    session.out() << absl::StrFormat(
        "%d created, %d updated, %d skipped in %.1f s", counts.created_count(),
        counts.updated_count(), counts.skipped_count(), seconds);
    if (seconds >= 0.1) {
      session.out() << absl::StrFormat(" (%.0f prompts/s)",
                                       static_cast<double>(total) / seconds);
    }
    session.out() << "\n";
    if (repeated > 0) {
      session.out() << repeated << " rows repeat an earlier one\n";
    }
  }

  std::string run_;
  std::string file_;
  std::string format_;
  std::string id_fields_;
  std::vector<std::string> labels_;
  std::string payload_ = "line";
  std::string existing_ = "update";
  PromptMapping mapping_;
};

}  // namespace

void AddImportCommand(CommandList& list) {
  list.push_back(std::make_unique<ImportPromptsCommand>());
}

}  // namespace vade::cli
