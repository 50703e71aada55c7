// Every limit of the sampler by name. The proto comments state the same
// numbers for callers.
#ifndef VADE_SERVER_SAMPLING_LIMITS_H_
#define VADE_SERVER_SAMPLING_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace vade::sampling {

inline constexpr size_t kMaxRuns = 1000;
inline constexpr size_t kMaxRunIdBytes = 63;
inline constexpr size_t kMaxDisplayNameBytes = 256;
inline constexpr uint32_t kMaxPromptsPerRun = 200'000'000;
inline constexpr size_t kMaxPromptIdBytes = 256;
inline constexpr size_t kMaxPayloadBytes = size_t{1} << 20;
inline constexpr size_t kMaxLabelsPerPrompt = 16;
inline constexpr size_t kMaxLabelKeyBytes = 63;
inline constexpr size_t kMaxLabelValueBytes = 255;
inline constexpr size_t kMaxFilterTerms = 16;
inline constexpr size_t kMaxFilterValuesPerTerm = 64;

inline constexpr uint32_t kMaxBatchSize = 65536;
inline constexpr uint32_t kMaxShards = 65536;
inline constexpr uint32_t kMaxGroupSize = 1024;
inline constexpr size_t kMaxRequestIdBytes = 128;
inline constexpr uint64_t kMaxBatchPayloadBytes = uint64_t{64} << 20;
// Remembered batches of a run, in flight ones included.
inline constexpr size_t kMaxBatchesPerRun = 10'000'000;

inline constexpr size_t kMaxBatchesPerReport = 4096;
inline constexpr size_t kMaxRolloutsPerReport = size_t{1} << 20;
inline constexpr double kMaxRewardMagnitude = 1e9;

inline constexpr double kMaxEvidenceWeight = 1e6;
inline constexpr double kMaxCooldown = 1e9;
inline constexpr absl::Duration kMinLeaseTtl = absl::Seconds(1);
inline constexpr absl::Duration kMaxLeaseTtl = absl::Hours(24 * 7);
inline constexpr absl::Duration kDefaultLeaseTtl = absl::Minutes(30);
inline constexpr absl::Duration kMaxSampleWait = absl::Hours(1);
inline constexpr uint64_t kMaxRetainedDeals = uint64_t{1} << 24;
inline constexpr uint64_t kDefaultRetainedDeals = uint64_t{1} << 18;
inline constexpr absl::Duration kMinRetentionAge = absl::Minutes(1);
inline constexpr absl::Duration kMaxRetentionAge = absl::Hours(24 * 365);
inline constexpr absl::Duration kDefaultRetentionAge = absl::Hours(24 * 7);
inline constexpr uint32_t kDefaultGroupSize = 8;

inline constexpr size_t kMaxImportPrompts = 10'000;
// Prompts looked at in one step of an export, so that other calls of the run
// wait only a little.
inline constexpr uint32_t kMaxExportScan = 100'000;
// Payload bytes of one message of an export, below what clients accept unasked.
inline constexpr uint64_t kMaxExportPayloadBytes = uint64_t{2} << 20;
inline constexpr absl::Duration kMinWatchInterval = absl::Milliseconds(100);
inline constexpr absl::Duration kMaxWatchInterval = absl::Hours(1);
inline constexpr absl::Duration kDefaultWatchInterval = absl::Seconds(1);
inline constexpr size_t kMaxPromptsPerRequest = 1000;  // BatchGetPrompts
inline constexpr size_t kMaxPageSize = 1000;
inline constexpr size_t kDefaultPageSize = 100;
inline constexpr size_t kMaxSeriesPoints = 256;
inline constexpr size_t kMaxLabelShares = 256;
inline constexpr int kPassRateBins = 20;

// Calls of one run that may wait for their turn, and for prompts.
inline constexpr size_t kMaxQueuedCalls = 65536;
inline constexpr size_t kMaxWaitingCalls = 16384;
// Prompts that a sample may ask for and be a small call; one that asks for more
// is large.
inline constexpr uint32_t kMaxPromptsOfSmallSample = 32;
// Calls answered by one write, and the bytes after which no more join it.
inline constexpr size_t kMaxCallsPerCommit = 4096;
inline constexpr size_t kMaxCommitBytes = size_t{8} << 20;

// States of prompts that go into one record when their batch is forgotten; of
// fewer, each is a record.
inline constexpr size_t kLeastStatesTogether = 16;

// Those limits of one run and its queue that no test could reach: a server has
// the defaults, tests set less.
struct RunLimits {
  uint64_t prompts = kMaxPromptsPerRun;
  uint64_t batches = kMaxBatchesPerRun;
  size_t queued_calls = kMaxQueuedCalls;
  size_t waiting_calls = kMaxWaitingCalls;
  size_t states_together = kLeastStatesTogether;
};

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_LIMITS_H_
