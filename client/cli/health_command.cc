// check health.
#include <memory>
#include <string>

#include "client/cli/command.h"
#include "client/cli/flags.h"

namespace vade::cli {
namespace {

class CheckHealthCommand : public Command {
 public:
  CommandText Text() const override {
    return {"check", "health", "Say whether the server serves",
            "vadectl check health --wait 30s", "Exits with 1 if it does not."};
  }
  void AddFlags(CLI::App& app) override {
    AddDuration(app, "--wait", wait_,
                "Wait this long for it, as after a start (default: not)");
  }
  absl::Status Run(Session& session) override {
    auto client = session.client();
    if (!client.ok()) return client.status();
    absl::Status status =
        wait_.empty() ? (*client)->CheckHealth()
                      : (*client)->WaitUntilServing(ParseChecked(wait_));
    if (!status.ok()) return status;
    session.out() << (session.json() ? "{\"status\": \"SERVING\"}" : "serving")
                  << "\n";
    return absl::OkStatus();
  }

 private:
  std::string wait_;
};

}  // namespace

void AddHealthCommand(CommandList& list) {
  list.push_back(std::make_unique<CheckHealthCommand>());
}

}  // namespace vade::cli
