// report rewards.
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/command.h"
#include "client/cli/flags.h"
#include "client/cli/group_report.h"
#include "client/cli/row_source.h"
#include "client/cli/table.h"

namespace vade::cli {
namespace {

std::string CheckGroup(const std::string& text) {
  return std::string(ParseGroupReport(text).status().message());
}

void AddCounts(const api::ReportRewardsResponse& from,
               api::ReportRewardsResponse& to) {
  to.set_accepted_count(to.accepted_count() + from.accepted_count());
  to.set_failed_count(to.failed_count() + from.failed_count());
  to.set_duplicate_count(to.duplicate_count() + from.duplicate_count());
  to.set_late_count(to.late_count() + from.late_count());
  to.set_superseded_count(to.superseded_count() + from.superseded_count());
  to.set_completed_group_count(to.completed_group_count() +
                               from.completed_group_count());
  to.set_zero_variance_group_count(to.zero_variance_group_count() +
                                   from.zero_variance_group_count());
}

class ReportRewardsCommand : public Command {
 public:
  CommandText Text() const override {
    return {"report", "rewards", "Report what the rollouts of a batch earned",
            "vadectl report rewards gsm8k 1-1 question-17=1,0,0,1,x,0,0,0\n"
            "vadectl report rewards gsm8k 1-1 --file rewards.jsonl",
            "PROMPT=1,0,x gives rollouts 0, 1, ... in order, x for one that "
            "failed.\nA line of a file has prompt_id, and if need be rewards, "
            "rollout_indexes, failed\nand final:\n"
            "  {\"prompt_id\": \"q\", \"rewards\": [1,0], "
            "\"rollout_indexes\": [0,3], \"failed\": [1]}\n"
            "A bad line stops it before anything is sent. Reporting again "
            "changes nothing."};
  }
  void AddFlags(CLI::App& app) override {
    AddRunArgument(app, run_);
    app.add_option("BATCH", batch_, "Id of the batch")->required();
    app.add_option("GROUPS", groups_, "As PROMPT=REWARD,REWARD,...")
        ->check(CLI::Validator(CheckGroup, ""));
    app.add_option("--file", file_, "JSONL with a group a line; - for stdin")
        ->type_name("FILE");
    app.add_flag("--final", final_,
                 "No more rollouts of these groups will come");
  }
  absl::Status Run(Session& session) override {
    auto groups = ReadGroups(session);
    if (!groups.ok()) return groups.status();
    if (groups->empty()) {
      return UsageError("report rewards: give groups or --file");
    }
    if (final_) {
      for (api::GroupReport& group : *groups) group.set_final(true);
    }
    auto client = session.client();
    if (!client.ok()) return client.status();
    api::ReportRewardsResponse all;
    for (const api::ReportRewardsRequest& request :
         SplitIntoRequests(client::RunName(run_), client::LastPart(batch_),
                           *std::move(groups))) {
      auto response = (*client)->ReportRewards(request);
      if (!response.ok()) return response.status();
      AddCounts(*response, all);
    }
    if (session.json()) return session.PrintJson(all);
    Print(all, session);
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<std::vector<api::GroupReport>> ReadGroups(Session& session) {
    std::vector<api::GroupReport> groups;
    for (const std::string& text : groups_) {
      auto group = ParseGroupReport(text);
      if (!group.ok()) return group.status();
      groups.push_back(*std::move(group));
    }
    if (file_.empty()) return groups;
    std::ifstream file;
    if (file_ != "-") {
      file.open(file_);
      if (!file) return UsageError(absl::StrCat("cannot read ", file_));
    }
    RowSource rows(file_ == "-" ? session.streams().in : file,
                   file_ == "-" ? "<stdin>" : file_, RowFormat::kJsonl);
    Row row;
    while (true) {
      auto more = rows.Next(row);
      if (!more.ok()) return more.status();
      if (!*more) return groups;
      auto group = ToGroupReport(row);
      if (!group.ok()) {
        return rows.ErrorAt(row, std::string(group.status().message()));
      }
      groups.push_back(*std::move(group));
    }
  }

  static void Print(const api::ReportRewardsResponse& counts,
                    Session& session) {
    session.out() << RenderProperties(
        {{"rewards accepted", absl::StrCat(counts.accepted_count())},
         {"failed rollouts", absl::StrCat(counts.failed_count())},
         {"duplicates", absl::StrCat(counts.duplicate_count())},
         {"late", absl::StrCat(counts.late_count())},
         {"superseded", absl::StrCat(counts.superseded_count())},
         {"groups completed",
          absl::StrCat(counts.completed_group_count(), " (",
                       counts.zero_variance_group_count(), " zero-variance)")}},
        session.columns());
  }

  std::string run_;
  std::string batch_;
  std::vector<std::string> groups_;
  std::string file_;
  bool final_ = false;
};

}  // namespace

void AddReportCommand(CommandList& list) {
  list.push_back(std::make_unique<ReportRewardsCommand>());
}

}  // namespace vade::cli
