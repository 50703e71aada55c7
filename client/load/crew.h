// The trainer's rollout workers: processes of this program, one step at a
// time.
#ifndef VADE_CLIENT_LOAD_CREW_H_
#define VADE_CLIENT_LOAD_CREW_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/load/process.h"
#include "client/load/worker.h"
#include "client/load/worker_protocol.h"

namespace vade::load {

struct CrewOptions {
  // The program with the `worker` command: vade-load.
  std::string program;
  // Of every worker; index and log_path are set for each.
  WorkerOptions worker;
  // Created if it is not there. Empty: no logs.
  std::string log_folder;
};

// Thread-compatible. The thread that starts it must outlive it (process.h).
class Crew {
 public:
  // Starts worker.worker_count processes. UNAVAILABLE: a process, or the log
  // folder.
  static absl::StatusOr<std::unique_ptr<Crew>> Start(
      const CrewOptions& options);

  // Has all workers do the step and waits for all. Sums of their answers.
  // UNAVAILABLE: a worker died; INTERNAL: a worker failed, with its error, or
  // two workers were dealt different batches.
  absl::StatusOr<StepAnswer> RunStep(const StepCommand& command);

 private:
  Crew() = default;

  std::vector<std::unique_ptr<ChildProcess>> workers_;
};

// The command line of a worker process, as vade-load parses it.
std::vector<std::string> WorkerArguments(const std::string& program,
                                         const WorkerOptions& options);

}  // namespace vade::load

#endif  // VADE_CLIENT_LOAD_CREW_H_
