// get stats, watch run.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/str_format.h"
#include "client/cli/command.h"
#include "client/cli/flags.h"
#include "client/cli/format.h"
#include "client/cli/stats_view.h"

namespace vade::cli {
namespace {

class GetStatsCommand : public Command {
 public:
  CommandText Text() const override {
    return {"get", "stats", "Show the statistics of a run (GetRunStats)",
            "vadectl get stats gsm8k", ""};
  }
  void AddFlags(CLI::App& app) override { AddRunArgument(app, run_); }
  absl::Status Run(Session& session) override {
    auto client = session.client();
    if (!client.ok()) return client.status();
    api::GetRunStatsRequest request;
    request.set_run(client::RunName(run_));
    auto stats = (*client)->GetRunStats(request);
    if (!stats.ok()) return stats.status();
    if (session.json()) return session.PrintJson(*stats);
    session.out() << RenderStats(*stats, session.columns());
    return absl::OkStatus();
  }

 private:
  std::string run_;
};

class WatchRunCommand : public Command {
 public:
  CommandText Text() const override {
    return {"watch", "run", "Show a run's statistics as they change",
            "vadectl watch run gsm8k --interval 2s",
            "On a terminal one panel is drawn anew; else each update is a "
            "line. Ctrl-C ends."};
  }
  void AddFlags(CLI::App& app) override {
    AddRunArgument(app, run_);
    AddDuration(app, "--interval", interval_,
                "Least time between updates, 100ms to 1h (default 1s)");
    app.add_option("--count", count_, "End after this many (default 0: never)")
        ->type_name("N");
  }
  absl::Status Run(Session& session) override {
    auto client = session.PatientClient(run_);
    if (!client.ok()) return client.status();
    api::WatchRunRequest request;
    request.set_run(client::RunName(run_));
    *request.mutable_interval() = ToProto(ParseChecked(interval_));
    return (*client)->WatchRun(request, [&](const api::RunStats& stats) {
      Show(stats, session);
      ++shown_;
      return session.out().good() && (count_ == 0 || shown_ < count_);
    });
  }

 private:
  void Show(const api::RunStats& stats, Session& session) {
    if (session.json()) {
      (void)session.PrintJsonLine(stats);
      return;
    }
    view_.Update(stats);
    if (!session.streams().out_is_terminal) {
      session.out() << view_.Line() << std::endl;
      return;
    }
    // Up over the panel before, and clear to the end of the screen.
    if (lines_ > 0) session.out() << absl::StrFormat("\x1b[%dA\x1b[J", lines_);
    const std::string panel = view_.Panel(session.columns());
    lines_ = static_cast<int>(std::count(panel.begin(), panel.end(), '\n'));
    session.out() << panel << std::flush;
  }

  std::string run_;
  std::string interval_ = "1s";
  uint64_t count_ = 0;
  uint64_t shown_ = 0;
  WatchView view_;
  int lines_ = 0;
};

}  // namespace

void AddStatsCommands(CommandList& list) {
  list.push_back(std::make_unique<GetStatsCommand>());
  list.push_back(std::make_unique<WatchRunCommand>());
}

}  // namespace vade::cli
