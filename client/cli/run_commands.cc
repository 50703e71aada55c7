// create, get, list, update and delete run.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/command.h"
#include "client/cli/flags.h"
#include "client/cli/format.h"
#include "client/cli/run_settings.h"
#include "client/cli/table.h"

namespace vade::cli {
namespace {

constexpr int kPageSize = 1000;

std::string FormatRewardRule(const api::RewardRule& rule) {
  if (rule.has_threshold()) {
    return absl::StrFormat("success from %g on", rule.threshold().threshold());
  }
  return absl::StrFormat("range %g to %g", rule.range().min(),
                         rule.range().max());
}

std::string FormatStartingEvidence(const api::StartingEvidence& evidence) {
  if (evidence.weight() == 0) return "none";
  return absl::StrFormat("pass rate %g, worth %g rollouts",
                         evidence.pass_rate(), evidence.weight());
}

std::string FormatReferenceBatchSize(const api::Run& run) {
  return run.reference_batch_size() == 0
             ? "0 (each batch is one step)"
             : absl::StrCat(run.reference_batch_size());
}

void PrintRun(const api::Run& run, Session& session) {
  std::vector<std::pair<std::string, std::string>> properties = {
      {"name", run.name()},
      {"display name", run.display_name()},
      {"prompts",
       absl::StrCat(run.prompt_count(), " (", run.in_flight_prompt_count(),
                    " in flight, ", run.disabled_prompt_count(), " disabled)")},
      {"clock", absl::StrCat(FormatNumber(run.clock()), " steps")},
      {"batches", absl::StrCat(run.batch_count())},
      {"policy", run.policy()},
      {"seed", absl::StrCat(run.seed())},
      {"group size", absl::StrCat(run.group_size())},
      {"reference batch size", FormatReferenceBatchSize(run)},
      {"reward rule", FormatRewardRule(run.reward_rule())},
      {"selected decay", absl::StrFormat("%g", run.selected_decay())},
      {"unselected decay", absl::StrFormat("%g", run.unselected_decay())},
      {"cooldown", absl::StrCat(FormatNumber(run.cooldown()), " steps")},
      {"lease ttl", FormatDuration(run.lease_ttl())},
      {"starting evidence", FormatStartingEvidence(run.starting_evidence())},
      {"retained deals", absl::StrCat(run.retained_deals())},
      {"retention age", FormatDuration(run.retention_age())},
      {"created", FormatTime(run.create_time())},
      {"updated", FormatTime(run.update_time())},
      {"etag", run.etag()},
      {"epoch", absl::StrCat(run.epoch())}};
  if (run.has_target_pass_rate() && run.policy() == "mopps") {
    properties.emplace_back("target pass rate",
                            FormatRate(run.target_pass_rate()));
  }
  if (run.display_name().empty()) properties.erase(properties.begin() + 1);
  session.out() << RenderProperties(properties, session.columns());
}

absl::Status ShowRun(const absl::StatusOr<api::Run>& run, Session& session) {
  if (!run.ok()) return run.status();
  if (session.json()) return session.PrintJson(*run);
  PrintRun(*run, session);
  return absl::OkStatus();
}

class CreateRunCommand : public Command {
 public:
  CommandText Text() const override {
    return {"create", "run", "Create a run",
            "vadectl create run gsm8k --group-size 8 --policy vade", ""};
  }
  void AddFlags(CLI::App& app) override {
    AddRunArgument(app, run_);
    settings_.AddFixedFlags(app);
    settings_.AddChangeableFlags(app);
  }
  absl::Status Run(Session& session) override {
    google::protobuf::FieldMask unused;
    auto settings = settings_.ToRun(&unused);
    if (!settings.ok()) return settings.status();
    auto client = session.client();
    if (!client.ok()) return client.status();
    api::CreateRunRequest request;
    request.set_run_id(client::RunId(run_));
    *request.mutable_run() = *settings;
    return ShowRun((*client)->CreateRun(request), session);
  }

 private:
  std::string run_;
  RunSettings settings_;
};

class GetRunCommand : public Command {
 public:
  CommandText Text() const override {
    return {"get", "run", "Show a run's settings, clock and counts",
            "vadectl get run gsm8k", ""};
  }
  void AddFlags(CLI::App& app) override { AddRunArgument(app, run_); }
  absl::Status Run(Session& session) override {
    auto client = session.client();
    if (!client.ok()) return client.status();
    api::GetRunRequest request;
    request.set_name(client::RunName(run_));
    return ShowRun((*client)->GetRun(request), session);
  }

 private:
  std::string run_;
};

class ListRunsCommand : public Command {
 public:
  CommandText Text() const override {
    return {"list", "runs", "List all runs", "vadectl list runs", ""};
  }
  void AddFlags(CLI::App&) override {}
  absl::Status Run(Session& session) override {
    auto client = session.client();
    if (!client.ok()) return client.status();
    api::ListRunsRequest request;
    request.set_page_size(kPageSize);
    api::ListRunsResponse all;
    do {
      auto page = (*client)->ListRuns(request);
      if (!page.ok()) return page.status();
      all.mutable_runs()->MergeFrom(page->runs());
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    if (session.json()) return session.PrintJson(all);
    Table table;
    table.Column("RUN").Flexible();
    table.Column("POLICY");
    table.Column("PROMPTS", Align::kRight).Column("IN FLIGHT", Align::kRight);
    table.Column("CLOCK", Align::kRight).Column("BATCHES", Align::kRight);
    for (const api::Run& run : all.runs()) {
      table.AddRow({client::RunId(run.name()), run.policy(),
                    absl::StrCat(run.prompt_count()),
                    absl::StrCat(run.in_flight_prompt_count()),
                    FormatNumber(run.clock()),
                    absl::StrCat(run.batch_count())});
    }
    session.out() << table.Render(session.columns());
    return absl::OkStatus();
  }
};

class UpdateRunCommand : public Command {
 public:
  CommandText Text() const override {
    return {"update", "run", "Change settings of a run",
            "vadectl update run gsm8k --group-size 16 --lease-ttl 1h",
            "Policy, seed, decays and reward rule are fixed at creation."};
  }
  void AddFlags(CLI::App& app) override {
    AddRunArgument(app, run_);
    settings_.AddChangeableFlags(app);
    app.add_option("--etag", etag_,
                   "Refuse if the run has changed since it had this etag")
        ->type_name("ETAG");
  }
  absl::Status Run(Session& session) override {
    api::UpdateRunRequest request;
    auto settings = settings_.ToRun(request.mutable_update_mask());
    if (!settings.ok()) return settings.status();
    if (request.update_mask().paths().empty()) {
      return UsageError("update run: give at least one setting to change");
    }
    auto client = session.client();
    if (!client.ok()) return client.status();
    *request.mutable_run() = *settings;
    request.mutable_run()->set_name(client::RunName(run_));
    request.mutable_run()->set_etag(etag_);
    return ShowRun((*client)->UpdateRun(request), session);
  }

 private:
  std::string run_;
  std::string etag_;
  RunSettings settings_;
};

class DeleteRunCommand : public Command {
 public:
  CommandText Text() const override {
    return {"delete", "run", "Delete a run with its prompts and batches",
            "vadectl delete run gsm8k", "There is no way back."};
  }
  void AddFlags(CLI::App& app) override {
    AddRunArgument(app, run_);
    app.add_option("--etag", etag_,
                   "Refuse if the run has changed since it had this etag")
        ->type_name("ETAG");
    app.add_flag("--allow-missing", allow_missing_,
                 "A run that is not there is deleted already");
  }
  absl::Status Run(Session& session) override {
    auto client = session.client();
    if (!client.ok()) return client.status();
    api::DeleteRunRequest request;
    request.set_name(client::RunName(run_));
    request.set_etag(etag_);
    request.set_allow_missing(allow_missing_);
    if (absl::Status status = (*client)->DeleteRun(request); !status.ok()) {
      return status;
    }
    session.out() << (session.json() ? "{}"
                                     : absl::StrCat("deleted ", request.name()))
                  << "\n";
    return absl::OkStatus();
  }

 private:
  std::string run_;
  std::string etag_;
  bool allow_missing_ = false;
};

}  // namespace

void AddRunCommands(CommandList& list) {
  list.push_back(std::make_unique<CreateRunCommand>());
  list.push_back(std::make_unique<GetRunCommand>());
  list.push_back(std::make_unique<ListRunsCommand>());
  list.push_back(std::make_unique<UpdateRunCommand>());
  list.push_back(std::make_unique<DeleteRunCommand>());
}

}  // namespace vade::cli
