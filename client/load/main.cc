// vade-load: load, replays and checks for a VADE sampler.
#include <iostream>

#include "client/load/commands.h"

int main(int argc, char** argv) {
  CLI::App app("Loads a VADE sampler, replays traces, and checks its books.",
               "vade-load");
  app.require_subcommand(1);
  app.footer(
      "Exit status: 0 done, 1 the load or a check failed, 2 the command line "
      "is wrong.\n\nExample:\n"
      "  vade-load simulate --run demo --steps 200 --compare uniform");
  int exit_code = vade::load::kExitDone;
  vade::load::AddSimulateCommand(app, exit_code);
  vade::load::AddReplayCommand(app, exit_code);
  vade::load::AddCrashTestCommand(app, exit_code);
  vade::load::AddVerifyCommand(app, exit_code);
  vade::load::AddPlainCommand(app, exit_code);
  vade::load::AddBenchCommand(app, exit_code);
  vade::load::AddScaleCommand(app, exit_code);
  vade::load::AddWorkerCommand(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    std::cerr << "vade-load: " << error.what() << "\nTry: vade-load --help\n";
    return vade::load::kExitUsage;
  }
  return exit_code;
}
