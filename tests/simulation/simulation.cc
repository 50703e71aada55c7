#include "tests/simulation/simulation.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/sampling/limits.h"
#include "tests/simulation/compare.h"
#include "tests/simulation/generator.h"

namespace vade::simulation {
namespace {

constexpr size_t kLoggedOperations = 40;
constexpr size_t kMaxRuns = 3;
// A run is deleted then: the model keeps all its batches, and looks at each in
// every step.
constexpr uint64_t kMaxBatches = 200;

constexpr char kFailed[] = "STORAGE_FAILED";

// What the engine dealt, as an answer that was lost would have said.
std::optional<sampling::SampleResult> FindDealt(const Snapshot& snapshot,
                                                uint64_t sequence) {
  for (const sampling::BatchInfo& batch : snapshot.batches) {
    if (batch.sequence != sequence) continue;
    sampling::SampleResult dealt;
    dealt.batch_id = batch.id;
    dealt.batch_size = batch.batch_size;
    for (const sampling::GroupInfo& group : batch.groups) {
      dealt.prompts.push_back(group.prompt);
    }
    return dealt;
  }
  return std::nullopt;
}

// Whether no later call of the same run shares the operation's commit.
bool EndsCommit(const Operation& operation) {
  const Sample* sample = std::get_if<Sample>(&operation);
  return sample != nullptr &&
         sample->request.batch_size > sampling::kMaxPromptsOfSmallSample;
}

}  // namespace

std::string Simulation::Run() {
  std::string difference;
  if (absl::Status status = system_.Open(); !status.ok()) {
    difference = status.ToString();
  }
  uint64_t step = 0;
  while (difference.empty() && step < options_.steps) {
    ++step;
    difference = Step();
  }
  if (difference.empty()) return "";
  return absl::StrCat("seed ", options_.seed, ", step ", step, ": ", difference,
                      "\nafter\n  ", absl::StrJoin(log_, "\n  "));
}

std::string Simulation::Step() {
  if (models_.size() < kMaxRuns && (models_.empty() || dice_.Chance(0.02))) {
    return CreateRun();
  }
  const std::string run_id = RandomRunId();
  if (models_.at(run_id).batches().size() > kMaxBatches ||
      dice_.Chance(0.001)) {
    return DeleteRun(run_id);
  }
  if (dice_.Chance(0.02)) return Crash();
  JumpClock();
  return Operate(
      run_id, dice_.Chance(0.85) ? 1 : static_cast<int>(dice_.Between(2, 6)));
}

const std::string& Simulation::RandomRunId() {
  return std::next(models_.begin(), dice_.Below(models_.size()))->first;
}

void Simulation::JumpClock() {
  if (dice_.Chance(0.5)) {
    system_.clock().Advance(absl::Milliseconds(dice_.Between(0, 2000)));
  }
  if (dice_.Chance(0.03)) system_.clock().Advance(absl::Seconds(60));
  if (dice_.Chance(0.003)) system_.clock().Advance(absl::Hours(25));
}

void Simulation::Log(std::string line) {
  log_.push_back(std::move(line));
  if (log_.size() > kLoggedOperations) log_.pop_front();
}

void Simulation::LogAll(const std::string& run_id,
                        const std::vector<Operation>& operations) {
  for (const Operation& operation : operations) {
    Log(absl::StrCat(absl::FormatTime(system_.clock().Now()), " ", run_id, ": ",
                     Describe(operation)));
  }
}

// ---- Runs

std::string Simulation::CreateRun() {
  std::string run_id = absl::StrCat("r", dice_.Below(kMaxRuns));
  const storage::RunSettings settings = RandomSettings(dice_);
  Log(absl::StrCat("create run ", run_id));
  const Answer answer = system_.CreateRun(run_id, settings);
  if (models_.count(run_id) > 0) {
    return answer.reason == "RUN_EXISTS"
               ? ""
               : absl::StrCat("a run was created twice: ", answer.reason);
  }
  if (!answer.ok()) return absl::StrCat("create: ", answer.reason);
  const storage::RunRecord record =
      std::get<sampling::RunInfo>(answer.value).record;
  if (record.number <= last_run_number_) return "a run number was reused";
  if (record.epoch <= last_epoch_) return "an epoch was reused";
  last_run_number_ = record.number;
  last_epoch_ = record.epoch;
  run_numbers_[run_id] = record.number;
  Model& model =
      models_.emplace(run_id, Model(settings, record.epoch, options_.flaw))
          .first->second;
  const Operation import =
      FirstImport(dice_, static_cast<uint32_t>(dice_.Between(3, 30)));
  const std::vector<Answer> imported = system_.Perform(run_id, {import});
  const Answer expected =
      model.Apply(import, system_.clock().Now(), std::nullopt);
  const std::string difference = Difference(expected, imported[0]);
  return difference.empty() ? Check(run_id) : difference;
}

std::string Simulation::DeleteRun(const std::string& run_id) {
  Log(absl::StrCat("delete run ", run_id));
  if (system_.DeleteRun("stranger", "").reason != "RUN_NOT_FOUND") {
    return "a run that never was is deleted";
  }
  if (system_.DeleteRun(run_id, "wrong").reason != "ETAG_MISMATCH") {
    return "a run is deleted in spite of its etag";
  }
  const Answer answer = system_.DeleteRun(run_id, models_.at(run_id).etag());
  if (!answer.ok()) return absl::StrCat("delete: ", answer.reason);
  models_.erase(run_id);
  return CheckRunIds();
}

std::string Simulation::CheckRunIds() {
  std::vector<std::string> expected;
  for (const auto& [run_id, model] : models_) expected.push_back(run_id);
  return system_.RunIds() == expected ? "" : "the list of runs differs";
}

// ---- Operations

std::vector<Operation> Simulation::RandomOperations(const Model& model,
                                                    int count) {
  std::vector<Operation> operations;
  for (int i = 0; i < count; ++i) {
    const bool repeat = !operations.empty() && dice_.Chance(0.2);
    operations.push_back(repeat ? operations.back()
                                : RandomOperation(dice_, model));
  }
  return operations;
}

std::string Simulation::Operate(const std::string& run_id, int count) {
  Model& model = models_.at(run_id);
  const std::vector<Operation> operations = RandomOperations(model, count);
  LogAll(run_id, operations);
  const std::vector<Answer> answers = system_.Perform(run_id, operations);
  for (size_t i = 0; i < operations.size(); ++i) {
    std::optional<sampling::SampleResult> dealt;
    if (std::holds_alternative<sampling::SampleResult>(answers[i].value)) {
      const std::optional<Snapshot> snapshot = system_.Read(run_id);
      dealt = FindDealt(*snapshot, model.next_sequence());
    }
    const Answer expected =
        model.Apply(operations[i], system_.clock().Now(), dealt);
    if (!model.violation().empty()) return model.violation();
    std::string difference = Difference(expected, answers[i]);
    if (!difference.empty()) return difference;
    ++counts_.operations;
    if (!answers[i].ok()) ++counts_.refused;
    if (const auto* report =
            std::get_if<sampling::ReportResult>(&answers[i].value)) {
      counts_.late += report->late;
      counts_.superseded += report->superseded;
    }
  }
  return Check(run_id);
}

std::string Simulation::Check(const std::string& run_id) {
  const std::optional<Snapshot> snapshot = system_.Read(run_id);
  if (!snapshot.has_value()) return "the run is gone";
  std::string difference = Difference(models_.at(run_id), *snapshot);
  if (difference.empty() && dice_.Chance(0.1)) return CheckPayloads(run_id);
  return difference;
}

std::string Simulation::CheckPayloads(const std::string& run_id) {
  std::vector<uint32_t> indexes;
  std::vector<std::string> expected;
  for (const ModelPrompt& prompt : models_.at(run_id).prompts()) {
    indexes.push_back(prompt.index);
    expected.push_back(prompt.deleted ? "" : prompt.payload);
  }
  const auto payloads = system_.Payloads(run_numbers_.at(run_id), indexes);
  if (!payloads.ok()) return payloads.status().ToString();
  return *payloads == expected ? "" : "payloads differ";
}

// ---- Crashes

std::string Simulation::Crash() {
  ++counts_.crashes;
  const std::string run_id = RandomRunId();
  std::vector<Operation> unanswered;
  const absl::Time asked = system_.clock().Now();
  if (dice_.Chance(0.8)) {
    const storage::FailedWrite outcome = dice_.Chance(0.5)
                                             ? storage::FailedWrite::kPresent
                                             : storage::FailedWrite::kAbsent;
    system_.store().FailWrite(1, outcome);
    unanswered = RandomOperations(models_.at(run_id),
                                  static_cast<int>(dice_.Between(1, 5)));
    LogAll(run_id, unanswered);
    Log(absl::StrCat(
        "... whose write fails and is ",
        outcome == storage::FailedWrite::kPresent ? "present" : "absent"));
    std::string difference = FailToPerform(run_id, unanswered);
    if (!difference.empty()) return difference;
  }
  system_.Close();
  if (dice_.Chance(0.2)) system_.clock().Advance(-absl::Minutes(20));
  if (dice_.Chance(0.2)) system_.clock().Advance(absl::Minutes(20));
  Log("restart");
  if (absl::Status status = system_.Open(); !status.ok()) {
    return status.ToString();
  }
  if (std::string text = CheckRunIds(); !text.empty()) return text;
  for (auto& [id, model] : models_) {
    std::string difference = Recover(
        id, id == run_id ? unanswered : std::vector<Operation>(), asked);
    if (!difference.empty()) return difference;
  }
  for (auto& [id, model] : models_) {
    system_.Perform(id, {Tick()});
    model.Apply(Tick(), system_.clock().Now(), std::nullopt);
  }
  return "";
}

// Asks for `operations` while the next write fails. Those that needed no write,
// and came before it, were answered: then the model is told, and `operations`
// are those left unanswered.
std::string Simulation::FailToPerform(const std::string& run_id,
                                      std::vector<Operation>& operations) {
  const std::vector<Answer> answers = system_.Perform(run_id, operations);
  const auto is_failed = [](const Answer& answer) {
    return answer.reason == kFailed;
  };
  const auto first_failed =
      std::find_if(answers.begin(), answers.end(), is_failed);
  size_t answered = 0;
  for (size_t i = 0; i < answers.size(); ++i) {
    if (answers[i].ok()) answered = i + 1;
  }
  const bool failed = first_failed != answers.end();
  if (answers.begin() + answered > first_failed) {
    return "an answer came before its write";
  }
  if (!failed && answered > 0) answered = answers.size();
  Model& model = models_.at(run_id);
  for (size_t i = 0; i < answered; ++i) {
    const Answer expected =
        model.Apply(operations[i], system_.clock().Now(), std::nullopt);
    if (!model.violation().empty()) return model.violation();
    const std::string difference = Difference(expected, answers[i]);
    if (!difference.empty()) return difference;
  }
  operations.erase(operations.begin(), operations.begin() + answered);
  return failed ? CheckRefusal(run_id) : "";
}

// After a failed write: changes are refused, reads go on.
std::string Simulation::CheckRefusal(const std::string& run_id) {
  Import import;
  import.request.prompts.push_back({"refused", "", {}, true, std::nullopt});
  if (system_.Perform(run_id, {import})[0].reason != kFailed) {
    return "a change was taken after a failed write";
  }
  return system_.Read(run_id).has_value() ? "" : "reads fail";
}

std::string Simulation::Recover(const std::string& run_id,
                                const std::vector<Operation>& operations,
                                absl::Time asked) {
  const std::optional<Snapshot> snapshot = system_.Read(run_id);
  if (!snapshot.has_value()) return "the run is gone";
  Model& model = models_.at(run_id);
  std::string differences;
  for (size_t there = 0; there <= operations.size(); ++there) {
    const bool all = there == operations.size();
    if (there > 0 && !all && !EndsCommit(operations[there - 1])) continue;
    Model after = model;
    const std::vector<Operation> kept(operations.begin(),
                                      operations.begin() + there);
    const std::string difference = Settle(after, kept, asked, *snapshot);
    if (difference.empty()) {
      counts_.lost_in_crash += !all;
      counts_.found_after_crash += there > 0;
      model = std::move(after);
      return CheckPayloads(run_id);
    }
    absl::StrAppend(&differences, " [with ", there, " of ", operations.size(),
                    " unanswered operations: ", difference, "]");
  }
  return absl::StrCat(run_id, ":", differences);
}

std::string Simulation::Settle(Model& model,
                               const std::vector<Operation>& operations,
                               absl::Time asked, const Snapshot& snapshot) {
  for (const Operation& operation : operations) {
    model.Apply(operation, asked, FindDealt(snapshot, model.next_sequence()));
    if (!model.violation().empty()) return model.violation();
  }
  model.Restart(system_.clock().Now());
  return Difference(model, snapshot);
}

}  // namespace vade::simulation
