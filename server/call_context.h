// CallContext: what every call may use. Borrows all of it from the Server.
// Thread-safe.
#ifndef VADE_SERVER_CALL_CONTEXT_H_
#define VADE_SERVER_CALL_CONTEXT_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/gate.h"
#include "server/metrics.h"
#include "server/sampling/clock.h"
#include "server/sampling/requests.h"
#include "server/sampling/run_queue.h"
#include "server/sampling/worker_pool.h"
#include "server/watch_timer.h"

namespace vade::server {

struct CallContext {
  Gate& gate;
  Metrics& metrics;
  sampling::WorkerPool& pool;
  const sampling::Clock& clock;
  WatchTimer& watch_timer;

  // The run. NOT_FOUND (RUN_NOT_FOUND), and as Gate::Enter.
  absl::StatusOr<std::shared_ptr<sampling::RunQueue>> FindRun(
      const std::string& run_id) const;

  // Reads payloads on the pool and calls `done` there.
  void ReadPayloads(
      uint32_t run_number, std::vector<uint32_t> prompt_indexes,
      std::function<void(absl::StatusOr<std::vector<std::string>>)> done) const;
};

// What a change that answers nothing answers.
struct Nothing {};

// OK if the payloads of `prompts` may go into one answer. RESOURCE_EXHAUSTED
// (PAYLOADS_TOO_LARGE).
absl::Status CheckPayloadBytes(
    const std::vector<sampling::PromptInfo>& prompts);

std::vector<uint32_t> IndexesOf(
    const std::vector<sampling::PromptInfo>& prompts);

}  // namespace vade::server

#endif  // VADE_SERVER_CALL_CONTEXT_H_
