// The methods of the API, by name.
#ifndef VADE_SERVER_METHOD_H_
#define VADE_SERVER_METHOD_H_

#include <cstddef>
#include <iterator>

namespace vade::server {

enum class Method {
  kCreateRun,
  kGetRun,
  kListRuns,
  kUpdateRun,
  kDeleteRun,
  kImportPrompts,
  kExportPrompts,
  kGetPrompt,
  kBatchGetPrompts,
  kListPrompts,
  kUpdatePrompt,
  kDeletePrompt,
  kSampleBatch,
  kGetBatch,
  kListBatches,
  kRenewBatch,
  kReleaseBatch,
  kReportRewards,
  kGetRunStats,
  kWatchRun,
};

inline constexpr const char* kMethodNames[] = {
    "CreateRun",       "GetRun",        "ListRuns",      "UpdateRun",
    "DeleteRun",       "ImportPrompts", "ExportPrompts", "GetPrompt",
    "BatchGetPrompts", "ListPrompts",   "UpdatePrompt",  "DeletePrompt",
    "SampleBatch",     "GetBatch",      "ListBatches",   "RenewBatch",
    "ReleaseBatch",    "ReportRewards", "GetRunStats",   "WatchRun",
};
inline constexpr size_t kMethodCount = std::size(kMethodNames);

}  // namespace vade::server

#endif  // VADE_SERVER_METHOD_H_
