// What rollouts earned, as people and files write it.
#ifndef VADE_CLIENT_CLI_GROUP_REPORT_H_
#define VADE_CLIENT_CLI_GROUP_REPORT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/row_source.h"
#include "vade/sampler/v1/report.pb.h"

namespace vade::cli {

// "question-17=1,0,x,0.5": rewards of rollouts 0, 1 and 3; rollout 2 failed.
// The prompt is all before the last '='. INVALID_ARGUMENT if it is not of this
// form. Pure, thread-safe.
absl::StatusOr<sampler::v1::GroupReport> ParseGroupReport(
    const std::string& text);

// {"prompt_id": "q", "rewards": [1, 0], "rollout_indexes": [0, 3],
//  "failed": [1], "final": true}; all but prompt_id may be left out.
// INVALID_ARGUMENT, without file and line, for a field that is missing, of the
// wrong kind or unknown. Pure, thread-safe.
absl::StatusOr<sampler::v1::GroupReport> ToGroupReport(const Row& row);

// Requests with all groups, in order, each within what the API takes: a prompt
// once, and not too many groups and rollouts. Pure, thread-safe.
std::vector<sampler::v1::ReportRewardsRequest> SplitIntoRequests(
    const std::string& run, const std::string& batch_id,
    std::vector<sampler::v1::GroupReport> groups);

}  // namespace vade::cli

#endif  // VADE_CLIENT_CLI_GROUP_REPORT_H_
