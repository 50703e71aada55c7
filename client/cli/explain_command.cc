// explain prompt.
#include <memory>
#include <string>

#include "client/cli/command.h"
#include "client/cli/explanation.h"
#include "client/cli/flags.h"
#include "client/cli/format.h"

namespace vade::cli {
namespace {

class ExplainPromptCommand : public Command {
 public:
  CommandText Text() const override {
    return {"explain", "prompt", "Say why a prompt is dealt, or is not",
            "vadectl explain prompt gsm8k question-17",
            "--output=json gives the answer of GetPrompt as \"prompt\", and "
            "as\n\"posterior_interval\" where its pass rate is with a "
            "probability of 0.95."};
  }
  void AddFlags(CLI::App& app) override {
    AddRunArgument(app, run_);
    app.add_option("PROMPT", prompt_, "Id of the prompt")->required();
  }
  absl::Status Run(Session& session) override {
    auto client = session.client();
    if (!client.ok()) return client.status();
    api::GetPromptRequest get_prompt;
    get_prompt.set_name(client::PromptName(run_, prompt_));
    auto prompt = (*client)->GetPrompt(get_prompt);
    if (!prompt.ok()) return prompt.status();
    if (session.json()) {
      session.out() << ExplainAsJson(*prompt) << "\n";
      return absl::OkStatus();
    }
    api::GetRunRequest get_run;
    get_run.set_name(client::RunName(run_));
    auto run = (*client)->GetRun(get_run);
    if (!run.ok()) return run.status();
    if (prompt->last_batch().empty()) {
      session.out() << Explain(*run, *prompt, nullptr, session.columns());
      return absl::OkStatus();
    }
    api::GetBatchRequest get_batch;
    get_batch.set_name(client::BatchName(run_, prompt->last_batch()));
    auto batch = (*client)->GetBatch(get_batch);
    // A forgotten batch is a part of the answer, not a failure.
    const bool forgotten =
        client::ErrorReasonOf(batch.status()) == api::BATCH_NOT_FOUND;
    if (!batch.ok() && !forgotten) return batch.status();
    session.out() << Explain(*run, *prompt, batch.ok() ? &*batch : nullptr,
                             session.columns());
    return absl::OkStatus();
  }

 private:
  std::string run_;
  std::string prompt_;
};

}  // namespace

void AddExplainCommand(CommandList& list) {
  list.push_back(std::make_unique<ExplainPromptCommand>());
}

}  // namespace vade::cli
