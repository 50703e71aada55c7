// RunRegistry: all runs of one store. Loads them at the start, creates, finds
// and deletes them, and keeps their time. Owned by the server. Thread-safe.
#ifndef VADE_SERVER_SAMPLING_RUN_REGISTRY_H_
#define VADE_SERVER_SAMPLING_RUN_REGISTRY_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/sampling/clock.h"
#include "server/sampling/limits.h"
#include "server/sampling/run_queue.h"
#include "server/sampling/serial_queue.h"
#include "server/sampling/worker_pool.h"
#include "storage/mutex.h"
#include "storage/store.h"
#include "storage/types.h"

namespace vade::sampling {

class RunRegistry {
 public:
  // Loads every run; each has `limits`. `store`, `pool` and `clock` outlive the
  // registry. DATA_LOSS (CORRUPT_RECORD), FAILED_PRECONDITION (NEWER_FORMAT),
  // UNAVAILABLE.
  static absl::StatusOr<std::unique_ptr<RunRegistry>> Open(
      storage::Store& store, WorkerPool& pool, const Clock& clock,
      RunLimits limits = {});

  // Creates a run; `settings` as ResolveSettings made them. `done` gets the
  // run once it is durable. ALREADY_EXISTS (RUN_EXISTS), RESOURCE_EXHAUSTED
  // (TOO_MANY_RUNS), UNAVAILABLE (STORAGE_FAILED).
  void Create(std::string run_id, std::string display_name,
              storage::RunSettings settings,
              std::function<void(absl::StatusOr<RunInfo>)> done);

  // Null if there is none.
  std::shared_ptr<RunQueue> Find(const std::string& run_id) const;

  // Up to `limit` runs in order of id, after `after`.
  std::vector<std::shared_ptr<RunQueue>> List(const std::string& after,
                                              size_t limit) const;

  // Deletes the run. NOT_FOUND (RUN_NOT_FOUND), ABORTED (ETAG_MISMATCH).
  void Delete(const std::string& run_id, std::string etag,
              std::function<void(absl::Status)> done);

  // To be called about ten times a second.
  void Tick();

  // The payloads of prompts, by index, in order; empty where there is none.
  // May be called on any thread. UNAVAILABLE, DATA_LOSS.
  absl::StatusOr<std::vector<std::string>> ReadPayloads(
      uint32_t run_number, const std::vector<uint32_t>& prompt_indexes) const;

 private:
  RunRegistry(storage::Store& store, WorkerPool& pool, const Clock& clock,
              RunLimits limits);

  absl::Status Load();
  // The number and epoch of a new run, or why there can be none.
  absl::StatusOr<storage::RunRecord> Reserve(const std::string& run_id);
  absl::StatusOr<RunInfo> CreateNow(const std::string& run_id,
                                    std::string display_name,
                                    storage::RunSettings settings);

  storage::Store& store_;
  WorkerPool& pool_;
  const Clock& clock_;
  const RunLimits limits_;

  mutable Mutex mu_;
  absl::btree_map<std::string, std::shared_ptr<RunQueue>> runs_
      ABSL_GUARDED_BY(mu_);
  storage::RegistryRecord numbers_ ABSL_GUARDED_BY(mu_);

  // Creations one after another, so that numbers reach the disk in order.
  SerialQueue creations_;
};

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_RUN_REGISTRY_H_
