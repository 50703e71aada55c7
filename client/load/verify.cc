#include "client/load/verify.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace vade::load {
namespace {

namespace api = client::api;

// Sums of successes: exact for rewards 0 and 1, else rounding.
constexpr double kTolerance = 1e-9;
// The mean is a quotient of sums as long as the run.
constexpr double kMeanTolerance = 1e-6;
// Pages of 1000: more batches than a run can remember.
constexpr int kMaxPages = 100'000;

// The least and the most that the server may have counted.
struct Bounds {
  uint64_t least_rewards = 0;
  uint64_t most_rewards = 0;
  uint64_t least_failed = 0;
  uint64_t most_failed = 0;
  double least_success = 0;
  double most_success = 0;

  void Add(const LoggedRollout& rollout) {
    if (!rollout.reward.has_value()) {
      ++most_failed;
      if (rollout.answered) ++least_failed;
      return;
    }
    ++most_rewards;
    most_success += *rollout.reward;
    if (!rollout.answered) return;
    ++least_rewards;
    least_success += *rollout.reward;
  }
  void Add(const Bounds& other) {
    least_rewards += other.least_rewards;
    most_rewards += other.most_rewards;
    least_failed += other.least_failed;
    most_failed += other.most_failed;
    least_success += other.least_success;
    most_success += other.most_success;
  }
};

class Comparison {
 public:
  Comparison(const ReportLog& log, const CountedRun& counted)
      : log_(log), counted_(counted) {}

  Verdict Run() {
    for (const auto& [batch_id, logged] : log_.batches) {
      const auto it = counted_.batches.find(batch_id);
      if (it == counted_.batches.end()) {
        Differ(absl::StrCat("batch ", batch_id,
                            " is in the logs and not on the server"));
        continue;
      }
      CompareBatch(batch_id, logged, it->second);
    }
    for (const auto& [batch_id, groups] : counted_.batches) {
      if (!log_.batches.contains(batch_id)) CompareBatch(batch_id, {}, groups);
    }
    ComparePrompts();
    CompareTotals();
    verdict_.counted_rollout_count =
        counted_.reward_count + counted_.failed_count;
    return std::move(verdict_);
  }

 private:
  void Differ(std::string text) {
    ++verdict_.difference_count;
    if (verdict_.differences.size() < kMaxNamedDifferences) {
      verdict_.differences.push_back(std::move(text));
    }
  }

  void CheckCount(const std::string& where, const char* what, uint64_t counted,
                  uint64_t least, uint64_t most) {
    if (counted >= least && counted <= most) return;
    const char* verb = counted < least ? "lost" : "counted too often";
    Differ(absl::StrCat(where, ": ", what, " ", counted, " on the server, ",
                        least, least == most ? "" : absl::StrCat(" to ", most),
                        " in the logs (", verb, ")"));
  }

  void CheckSuccess(const std::string& where, double counted, double least,
                    double most, double tolerance) {
    if (counted >= least - tolerance && counted <= most + tolerance) return;
    Differ(absl::StrFormat(
        "%s: success sum %.9g on the server, %.9g to %.9g in the logs", where,
        counted, least, most));
  }

  void CompareBatch(const std::string& batch_id, const LoggedBatch& logged,
                    const std::map<std::string, CountedGroup>& groups) {
    ++verdict_.batch_count;
    for (const auto& [prompt_id, rollouts] : logged) {
      if (!groups.contains(prompt_id)) {
        Differ(absl::StrCat("batch ", batch_id, ", prompt ", prompt_id,
                            ": in the logs and not in the batch"));
      }
    }
    for (const auto& [prompt_id, group] : groups) {
      const auto it = logged.find(prompt_id);
      Bounds bounds;
      if (it != logged.end()) bounds = BoundsOf(it->second);
      prompts_[prompt_id].Add(bounds);
      total_.Add(bounds);
      ++verdict_.group_count;
      const std::string where =
          absl::StrCat("batch ", batch_id, ", prompt ", prompt_id);
      CheckCount(where, "rewards", group.reward_count, bounds.least_rewards,
                 bounds.most_rewards);
      CheckCount(where, "failed", group.failed_count, bounds.least_failed,
                 bounds.most_failed);
      CheckSuccess(where, group.success_sum, bounds.least_success,
                   bounds.most_success, kTolerance);
    }
  }

  Bounds BoundsOf(const std::map<uint32_t, LoggedRollout>& rollouts) {
    Bounds bounds;
    for (const auto& [index, rollout] : rollouts) {
      bounds.Add(rollout);
      ++(rollout.answered ? verdict_.answered_rollout_count
                          : verdict_.unanswered_rollout_count);
    }
    return bounds;
  }

  void ComparePrompts() {
    for (const auto& [prompt_id, bounds] : prompts_) {
      const auto it = counted_.prompts.find(prompt_id);
      if (it == counted_.prompts.end()) {
        Differ(absl::StrCat("prompt ", prompt_id, " is not on the server"));
        continue;
      }
      const std::string where = absl::StrCat("prompt ", prompt_id);
      CheckCount(where, "rewards", it->second.reward_count,
                 bounds.least_rewards, bounds.most_rewards);
      CheckSuccess(where, it->second.success_sum, bounds.least_success,
                   bounds.most_success, kTolerance);
    }
  }

  void CompareTotals() {
    CheckCount("run", "rewards", counted_.reward_count, total_.least_rewards,
               total_.most_rewards);
    CheckCount("run", "failed", counted_.failed_count, total_.least_failed,
               total_.most_failed);
    const double sum =
        counted_.mean_pass_rate * static_cast<double>(counted_.reward_count);
    CheckSuccess("run", sum, total_.least_success, total_.most_success,
                 kMeanTolerance * std::max(1.0, sum));
  }

  const ReportLog& log_;
  const CountedRun& counted_;
  Verdict verdict_;
  std::map<std::string, Bounds> prompts_;
  Bounds total_;
};

absl::Status ReadBatch(client::Client& client, const std::string& name,
                       CountedRun& counted) {
  api::GetBatchRequest request;
  request.set_name(name);
  const auto batch = client.GetBatch(request);
  if (!batch.ok()) return batch.status();
  auto& groups = counted.batches[client::LastPart(name)];
  for (const api::Group& group : batch->groups()) {
    groups[group.prompt().prompt_id()] = {
        group.reward_count(), group.failed_count(), group.success_sum()};
  }
  return absl::OkStatus();
}

absl::Status ReadBatches(client::Client& client, const std::string& run,
                         CountedRun& counted) {
  api::ListBatchesRequest request;
  request.set_run(client::RunName(run));
  request.set_page_size(1000);
  for (int page = 0; page < kMaxPages; ++page) {
    const auto response = client.ListBatches(request);
    if (!response.ok()) return response.status();
    for (const api::Batch& batch : response->batches()) {
      absl::Status read = ReadBatch(client, batch.name(), counted);
      if (!read.ok()) return read;
    }
    if (response->next_page_token().empty()) return absl::OkStatus();
    request.set_page_token(response->next_page_token());
  }
  return absl::ResourceExhaustedError("the list of batches does not end");
}

}  // namespace

Verdict CompareBooks(const ReportLog& log, const CountedRun& counted) {
  return Comparison(log, counted).Run();
}

absl::StatusOr<CountedRun> ReadCountedRun(client::Client& client,
                                          const std::string& run) {
  CountedRun counted;
  absl::Status batches = ReadBatches(client, run, counted);
  if (!batches.ok()) return batches;
  api::ExportPromptsRequest prompts;
  prompts.set_run(client::RunName(run));
  absl::Status exported = client.ExportPrompts(
      prompts, [&counted](const api::ExportPromptsResponse& chunk) {
        for (const api::Prompt& prompt : chunk.prompts()) {
          counted.prompts[prompt.id()] = {prompt.rollout_count(),
                                          prompt.success_sum()};
        }
        return absl::OkStatus();
      });
  if (!exported.ok()) return exported;
  api::GetRunStatsRequest request;
  request.set_run(client::RunName(run));
  const auto stats = client.GetRunStats(request);
  if (!stats.ok()) return stats.status();
  counted.reward_count = stats->rollout_count();
  counted.failed_count = stats->failed_rollout_count();
  counted.mean_pass_rate = stats->mean_pass_rate();
  return counted;
}

std::string VerdictText(const Verdict& verdict, const ReportLog& log) {
  std::string text = absl::StrCat(
      "batches ", verdict.batch_count, ", groups ", verdict.group_count,
      ", reports answered ", log.answered_report_count, ", unanswered ",
      log.unanswered_report_count, "\nrollouts answered ",
      verdict.answered_rollout_count, ", unanswered ",
      verdict.unanswered_rollout_count, ", counted by the server ",
      verdict.counted_rollout_count, "\nthe answers said: new ",
      log.answers.accepted_count + log.answers.failed_count, ", duplicate ",
      log.answers.duplicate_count, "\n");
  for (const std::string& difference : verdict.differences) {
    absl::StrAppend(&text, "DIFFERENT: ", difference, "\n");
  }
  if (verdict.difference_count == 0) {
    return text + "VERIFIED: every answered rollout is counted exactly once\n";
  }
  return absl::StrCat(text, "FAILED: ", verdict.difference_count,
                      " differences between the logs and the server\n");
}

}  // namespace vade::load
