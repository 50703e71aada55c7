// get prompt, get prompts, list prompts, update prompt, delete prompt.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/cli/command.h"
#include "client/cli/flags.h"
#include "client/cli/format.h"
#include "client/cli/prompt_view.h"
#include "client/cli/table.h"

namespace vade::cli {
namespace {

// What one page of the API holds at most.
constexpr int kPageSize = 1000;

void AddPromptArgument(CLI::App& app, std::string& prompt) {
  app.add_option("PROMPT", prompt, "Id of the prompt")->required();
}

absl::Status ShowPrompt(const absl::StatusOr<api::Prompt>& prompt,
                        bool with_payload, Session& session) {
  if (!prompt.ok()) return prompt.status();
  if (session.json()) return session.PrintJson(*prompt);
  session.out() << RenderProperties(PromptProperties(*prompt),
                                    session.columns());
  if (with_payload) session.out() << "\n" << prompt->payload() << "\n";
  return absl::OkStatus();
}

class GetPromptCommand : public Command {
 public:
  CommandText Text() const override {
    return {"get", "prompt", "Show what a run knows of a prompt",
            "vadectl get prompt gsm8k question-17 --payload", ""};
  }
  void AddFlags(CLI::App& app) override {
    AddRunArgument(app, run_);
    AddPromptArgument(app, prompt_);
    app.add_flag("--payload", payload_, "Show the payload too");
  }
  absl::Status Run(Session& session) override {
    auto client = session.client();
    if (!client.ok()) return client.status();
    api::GetPromptRequest request;
    request.set_name(client::PromptName(run_, prompt_));
    request.set_include_payload(payload_);
    return ShowPrompt((*client)->GetPrompt(request), payload_, session);
  }

 private:
  std::string run_;
  std::string prompt_;
  bool payload_ = false;
};

class GetPromptsCommand : public Command {
 public:
  CommandText Text() const override {
    return {"get", "prompts", "Show several prompts by id (BatchGetPrompts)",
            "vadectl get prompts gsm8k question-17 question-18", ""};
  }
  void AddFlags(CLI::App& app) override {
    AddRunArgument(app, run_);
    app.add_option("PROMPTS", prompts_, "Ids, 1 to 1000")->required();
    app.add_flag("--payload", payload_, "With payloads (in JSON: base64)");
  }
  absl::Status Run(Session& session) override {
    auto client = session.client();
    if (!client.ok()) return client.status();
    api::BatchGetPromptsRequest request;
    request.set_run(client::RunName(run_));
    for (const std::string& id : prompts_) request.add_prompt_ids(id);
    request.set_include_payloads(payload_);
    auto response = (*client)->BatchGetPrompts(request);
    if (!response.ok()) return response.status();
    if (session.json()) return session.PrintJson(*response);
    session.out() << PromptTable(response->prompts(), session.columns());
    if (!payload_) return absl::OkStatus();
    for (const api::Prompt& prompt : response->prompts()) {
      session.out() << "\n" << prompt.id() << "\n" << prompt.payload() << "\n";
    }
    return absl::OkStatus();
  }

 private:
  std::string run_;
  std::vector<std::string> prompts_;
  bool payload_ = false;
};

class ListPromptsCommand : public Command {
 public:
  CommandText Text() const override {
    return {"list", "prompts", "List prompts, filtered and ordered",
            "vadectl list prompts gsm8k --view never-solved --limit 20\n"
            "vadectl list prompts gsm8k --order-by expected_egr --descending",
            "Orders: import, posterior_mean, expected_egr, evidence, "
            "deal_count,\nlast_dealt. For all of a large run, see export "
            "prompts."};
  }
  void AddFlags(CLI::App& app) override {
    AddRunArgument(app, run_);
    AddLabelFilter(app, labels_);
    AddChoice(app, "--view", view_,
              {"all", "enabled", "disabled", "in-flight", "never-solved",
               "never-dealt"},
              "Only these (default all)");
    AddChoice(app, "--order-by", order_by_,
              {"import", "posterior_mean", "expected_egr", "evidence",
               "deal_count", "last_dealt"},
              "Least first (default import)");
    app.add_flag("--descending", descending_, "Greatest first");
    app.add_option("--limit", limit_, "Prompts at most, 0: all (default 100)")
        ->type_name("N");
    app.add_option("--page-token", page_token_,
                   "Go on after an earlier list with the same flags")
        ->type_name("TOKEN");
    app.add_flag("--payload", payload_, "With payloads (JSON only: base64)");
  }
  absl::Status Run(Session& session) override {
    auto all = Fetch(session);
    if (!all.ok()) return all.status();
    if (session.json()) return session.PrintJson(*all);
    session.out() << PromptTable(all->prompts(), session.columns());
    const auto shown = static_cast<uint64_t>(all->prompts_size());
    if (shown < all->total_size()) {
      session.out() << shown << " of " << all->total_size()
                    << " prompts; more with --limit\n";
    }
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<api::ListPromptsRequest> MakeRequest() const {
    std::string view = absl::StrCat("PROMPT_VIEW_", view_);
    std::transform(view.begin(), view.end(), view.begin(), [](char c) {
      return c == '-' ? '_' : absl::ascii_toupper(c);
    });
    if (view_ == "all") view = "PROMPT_VIEW_UNSPECIFIED";
    api::PromptView value = api::PROMPT_VIEW_UNSPECIFIED;
    if (!api::PromptView_Parse(view, &value)) {
      return UsageError(absl::StrCat("--view: no view ", view_));
    }
    api::ListPromptsRequest request;
    request.set_run(client::RunName(run_));
    *request.mutable_filter() = ToLabelFilter(labels_);
    request.set_view(value);
    request.set_order_by(descending_ ? absl::StrCat(order_by_, " desc")
                                     : order_by_);
    request.set_include_payloads(payload_);
    request.set_page_token(page_token_);
    return request;
  }

  // Pages until the limit is reached, as one answer.
  absl::StatusOr<api::ListPromptsResponse> Fetch(Session& session) const {
    auto request = MakeRequest();
    if (!request.ok()) return request.status();
    auto client = session.client();
    if (!client.ok()) return client.status();
    api::ListPromptsResponse all;
    do {
      const uint64_t left = limit_ - all.prompts_size();
      request->set_page_size(static_cast<int32_t>(
          limit_ == 0 ? kPageSize : std::min<uint64_t>(left, kPageSize)));
      auto page = (*client)->ListPrompts(*request);
      if (!page.ok()) return page.status();
      all.mutable_prompts()->MergeFrom(page->prompts());
      all.set_total_size(page->total_size());
      all.set_next_page_token(page->next_page_token());
      request->set_page_token(page->next_page_token());
    } while (
        !request->page_token().empty() &&
        (limit_ == 0 || static_cast<uint64_t>(all.prompts_size()) < limit_));
    return all;
  }

  std::string run_;
  std::vector<std::string> labels_;
  std::string view_ = "all";
  std::string order_by_ = "import";
  bool descending_ = false;
  uint64_t limit_ = 100;
  std::string page_token_;
  bool payload_ = false;
};

class UpdatePromptCommand : public Command {
 public:
  CommandText Text() const override {
    return {"update", "prompt", "Disable, enable, relabel or reset a prompt",
            "vadectl update prompt gsm8k question-17 --disable\n"
            "vadectl update prompt gsm8k question-17 --evidence 0,0",
            "Setting the evidence supersedes rollouts of batches sampled "
            "before: reports\nof theirs that come later are no evidence."};
  }
  void AddFlags(CLI::App& app) override {
    AddRunArgument(app, run_);
    AddPromptArgument(app, prompt_);
    auto* disable = app.add_flag("--disable", disable_, "Deal it no more");
    app.add_flag("--enable", enable_, "Deal it again")->excludes(disable);
    app.add_option("--set-label", labels_,
                   "Its labels from now on, instead of all it had; repeatable")
        ->type_name("KEY=VALUE")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    app.add_flag("--clear-labels", clear_labels_, "Take its labels away");
    app.add_option("--payload", payload_, "Its payload from now on")
        ->type_name("TEXT");
    app.add_option("--evidence", evidence_,
                   "Decayed successes and failures, in rollouts")
        ->type_name("ALPHA,BETA")
        ->delimiter(',')
        ->expected(2);
  }
  absl::Status Run(Session& session) override {
    api::UpdatePromptRequest request;
    if (absl::Status status = Fill(request); !status.ok()) return status;
    auto client = session.client();
    if (!client.ok()) return client.status();
    return ShowPrompt((*client)->UpdatePrompt(request), false, session);
  }

 private:
  absl::Status Fill(api::UpdatePromptRequest& request) const {
    request.set_run(client::RunName(run_));
    api::Prompt& prompt = *request.mutable_prompt();
    auto& mask = *request.mutable_update_mask();
    prompt.set_id(prompt_);
    if (disable_ || enable_) {
      prompt.set_disabled(disable_);
      mask.add_paths("disabled");
    }
    if (clear_labels_ || !labels_.empty()) mask.add_paths("labels");
    for (const std::string& label : labels_) {
      auto parts = SplitAssignment(label);
      if (!parts.ok()) {
        return UsageError(absl::StrCat("--set-label: ",
                                       std::string(parts.status().message())));
      }
      (*prompt.mutable_labels())[parts->first] = parts->second;
    }
    if (payload_.has_value()) {
      prompt.set_payload(*payload_);
      mask.add_paths("payload");
    }
    if (!evidence_.empty()) {
      prompt.mutable_evidence()->set_alpha(evidence_[0]);
      prompt.mutable_evidence()->set_beta(evidence_[1]);
      mask.add_paths("evidence");
    }
    if (mask.paths().empty()) {
      return UsageError("update prompt: say what to change, such as --disable");
    }
    return absl::OkStatus();
  }

  std::string run_;
  std::string prompt_;
  bool disable_ = false;
  bool enable_ = false;
  bool clear_labels_ = false;
  std::vector<std::string> labels_;
  std::optional<std::string> payload_;
  std::vector<double> evidence_;
};

class DeletePromptCommand : public Command {
 public:
  CommandText Text() const override {
    return {"delete", "prompt", "Delete a prompt",
            "vadectl delete prompt gsm8k question-17",
            "To keep what is known of it, see update prompt --disable."};
  }
  void AddFlags(CLI::App& app) override {
    AddRunArgument(app, run_);
    AddPromptArgument(app, prompt_);
  }
  absl::Status Run(Session& session) override {
    auto client = session.client();
    if (!client.ok()) return client.status();
    api::DeletePromptRequest request;
    request.set_name(client::PromptName(run_, prompt_));
    if (absl::Status status = (*client)->DeletePrompt(request); !status.ok()) {
      return status;
    }
    session.out() << (session.json() ? "{}"
                                     : absl::StrCat("deleted ", request.name()))
                  << "\n";
    return absl::OkStatus();
  }

 private:
  std::string run_;
  std::string prompt_;
};

}  // namespace

void AddPromptCommands(CommandList& list) {
  list.push_back(std::make_unique<GetPromptCommand>());
  list.push_back(std::make_unique<GetPromptsCommand>());
  list.push_back(std::make_unique<ListPromptsCommand>());
  list.push_back(std::make_unique<UpdatePromptCommand>());
  list.push_back(std::make_unique<DeletePromptCommand>());
}

}  // namespace vade::cli
