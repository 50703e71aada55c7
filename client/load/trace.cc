#include "client/load/trace.h"

#include <algorithm>
#include <fstream>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace vade::load {
namespace {

constexpr char kHeader[] = "prompt_id,visit,n_rollouts,n_correct";
constexpr int kHalfWindow = 2;
constexpr uint64_t kMaxTraceRows = 10'000'000;

struct Row {
  std::string prompt_id;
  uint32_t visit = 0;
  double pass_rate = 0;
};

absl::StatusOr<Row> ParseRow(const std::string& line) {
  const std::vector<std::string> fields = absl::StrSplit(line, ',');
  if (fields.size() != 4) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected 4 fields, got ", fields.size()));
  }
  Row row;
  row.prompt_id = fields[0];
  if (row.prompt_id.empty()) {
    return absl::InvalidArgumentError("prompt_id is empty");
  }
  uint32_t rollouts = 0;
  uint32_t correct = 0;
  if (!absl::SimpleAtoi(fields[1], &row.visit) ||
      !absl::SimpleAtoi(fields[2], &rollouts) ||
      !absl::SimpleAtoi(fields[3], &correct)) {
    return absl::InvalidArgumentError(
        absl::StrCat("visit, n_rollouts and n_correct must be whole numbers, "
                     "got '",
                     line, "'"));
  }
  if (rollouts == 0 || correct > rollouts) {
    return absl::InvalidArgumentError(
        absl::StrCat("n_correct must be 0 to n_rollouts and n_rollouts at "
                     "least 1, got ",
                     correct, " of ", rollouts));
  }
  row.pass_rate = static_cast<double>(correct) / rollouts;
  return row;
}

// A prompt while it is read.
struct Visits {
  EpochPassRates observed{};
  std::array<bool, kTraceEpochs> seen{};
};

absl::Status AddRow(const Row& row, std::vector<std::string>& order,
                    std::map<std::string, Visits>& visits) {
  const auto [it, added] = visits.try_emplace(row.prompt_id);
  if (added) order.push_back(row.prompt_id);
  if (row.visit >= kTraceEpochs) return absl::OkStatus();
  if (it->second.seen[row.visit]) {
    return absl::InvalidArgumentError(absl::StrCat(
        "visit ", row.visit, " of prompt ", row.prompt_id, " comes twice"));
  }
  it->second.seen[row.visit] = true;
  it->second.observed[row.visit] = row.pass_rate;
  return absl::OkStatus();
}

absl::Status At(const std::string& name, uint64_t line,
                const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat(name, ":", line, ": ", status.message()));
}

}  // namespace

EpochPassRates SmoothPassRates(const EpochPassRates& observed) {
  EpochPassRates smooth{};
  const int last = static_cast<int>(kTraceEpochs) - 1;
  for (int e = 0; e <= last; ++e) {
    double sum = 0;
    for (int d = -kHalfWindow; d <= kHalfWindow; ++d) {
      sum += observed[std::clamp(e + d, 0, last)];
    }
    smooth[e] = sum / (2 * kHalfWindow + 1);
  }
  return smooth;
}

absl::StatusOr<Trace> Trace::Read(std::istream& input,
                                  const std::string& name) {
  std::string line;
  uint64_t number = 1;
  if (!std::getline(input, line) ||
      absl::StripAsciiWhitespace(line) != kHeader) {
    return At(name, number,
              absl::InvalidArgumentError(
                  absl::StrCat("the header must be '", kHeader, "'")));
  }
  Trace trace;
  std::map<std::string, Visits> visits;
  while (std::getline(input, line)) {
    ++number;
    absl::StripAsciiWhitespace(&line);
    if (line.empty()) continue;
    if (number > kMaxTraceRows) {
      return At(name, number,
                absl::InvalidArgumentError(
                    absl::StrCat("more than ", kMaxTraceRows, " rows")));
    }
    const absl::StatusOr<Row> row = ParseRow(line);
    if (!row.ok()) return At(name, number, row.status());
    absl::Status added = AddRow(*row, trace.prompt_ids_, visits);
    if (!added.ok()) return At(name, number, added);
  }
  for (const auto& [prompt_id, seen] : visits) {
    const auto missing = std::find(seen.seen.begin(), seen.seen.end(), false);
    if (missing != seen.seen.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": prompt ", prompt_id, " has no visit ",
                       missing - seen.seen.begin(), "; 0 to ", kTraceEpochs - 1,
                       " are needed"));
    }
    trace.pass_rates_[prompt_id] = SmoothPassRates(seen.observed);
  }
  return trace;
}

absl::StatusOr<Trace> Trace::ReadFile(const std::string& path) {
  std::ifstream input(path);
  if (!input) {
    return absl::NotFoundError(absl::StrCat("cannot open trace ", path));
  }
  return Read(input, path);
}

absl::StatusOr<double> Trace::PassRateAt(const std::string& prompt_id,
                                         uint32_t epoch) const {
  const auto it = pass_rates_.find(prompt_id);
  if (it == pass_rates_.end()) {
    return absl::NotFoundError(
        absl::StrCat("prompt ", prompt_id, " is not in the trace"));
  }
  return it->second[std::min(epoch, kTraceEpochs - 1)];
}

absl::StatusOr<double> Trace::PassRate(const std::string& prompt_id,
                                       const RolloutStep& step) const {
  const uint64_t epoch = step.step / kTraceStepsPerEpoch;
  return PassRateAt(prompt_id, static_cast<uint32_t>(std::min<uint64_t>(
                                   epoch, kTraceEpochs - 1)));
}

}  // namespace vade::load
