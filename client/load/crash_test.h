// The demonstration of "answered means durable" and "exactly once": a server of
// our own is killed with SIGKILL while workers report, and started again; at
// the end its books are compared with the workers' logs.
#ifndef VADE_CLIENT_LOAD_CRASH_TEST_H_
#define VADE_CLIENT_LOAD_CRASH_TEST_H_

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/load/report_log.h"
#include "client/load/server_process.h"
#include "client/load/simulate.h"
#include "client/load/verify.h"

namespace vade::load {

struct CrashTestOptions {
  ServerProcessOptions server;
  // simulate.crew.log_folder is needed; its address is set here.
  SimulateOptions simulate;
  // Evenly over the steps, each in the midst of a step's reports.
  uint32_t kill_count = 3;
  // Prompts to import with vadectl. Empty: made up.
  std::string prompts_path;
  std::string vadectl_program;
};

struct CrashTestResult {
  std::vector<SimulationResult> simulation;
  ReportLog log;
  Verdict verdict;
  // From each kill until the server served again.
  std::vector<double> restart_seconds;
};

// Errors: those of the server, vadectl, the calls and the crew. A verdict with
// differences is a result, not an error.
absl::StatusOr<CrashTestResult> RunCrashTest(const CrashTestOptions& options,
                                             std::FILE* out);

}  // namespace vade::load

#endif  // VADE_CLIENT_LOAD_CRASH_TEST_H_
