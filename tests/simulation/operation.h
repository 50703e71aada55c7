// What a simulation asks of a run, and what comes back, as plain values that
// can be kept and asked again. Thread-compatible.
#ifndef VADE_TESTS_SIMULATION_OPERATION_H_
#define VADE_TESTS_SIMULATION_OPERATION_H_

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "server/sampling/requests.h"

namespace vade::simulation {

struct UpdateRun {
  sampling::RunChange change;
};
struct Import {
  sampling::ImportRequest request;
};
struct UpdatePrompt {
  sampling::PromptChange change;
};
struct DeletePrompt {
  std::string prompt_id;
};
struct Sample {
  sampling::SampleRequest request;
};
struct Renew {
  std::string batch_id;
  std::optional<absl::Duration> ttl;
};
struct Release {
  std::string batch_id;
  std::vector<std::string> prompt_ids;
};
struct Report {
  std::vector<sampling::BatchReport> reports;
};
// Leases and retention only, as the server asks for ten times a second.
struct Tick {};

// A change of one run.
using Operation = std::variant<UpdateRun, Import, UpdatePrompt, DeletePrompt,
                               Sample, Renew, Release, Report, Tick>;

struct Answer {
  // Reason of the error; empty: OK, and `value` has what the call returns.
  std::string reason;
  std::variant<std::monostate, sampling::RunInfo, sampling::ImportResult,
               sampling::PromptInfo, sampling::SampleResult,
               sampling::BatchInfo, sampling::ReportResult>
      value;

  bool ok() const { return reason.empty(); }
};

// One line for a log.
std::string Describe(const Operation& operation);

}  // namespace vade::simulation

#endif  // VADE_TESTS_SIMULATION_OPERATION_H_
