#include "client/load/worker_protocol.h"

#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace vade::load {
namespace {

using Json = nlohmann::json;

absl::Status NotALine(const std::string& line, const std::string& what) {
  return absl::InvalidArgumentError(
      absl::StrCat("not a message of this program: '", line, "': ", what));
}

}  // namespace

std::string ToLine(const StepCommand& command) {
  return Json({{"run", command.run_id},
               {"request", command.request_id},
               {"batch_size", command.batch_size},
               {"seed", command.rollouts.seed},
               {"step", command.rollouts.step},
               {"skill", command.rollouts.skill}})
      .dump();
}

std::string ToLine(const StepAnswer& answer) {
  return Json({{"batch", answer.batch_id},
               {"reports", answer.report_count},
               {"rollouts", answer.rollout_count},
               {"accepted", answer.accepted_count},
               {"failed", answer.failed_count},
               {"duplicates", answer.duplicate_count},
               {"error", answer.error}})
      .dump();
}

absl::StatusOr<StepCommand> ParseStepCommand(const std::string& line) {
  try {
    const Json json = Json::parse(line);
    StepCommand command;
    command.run_id = json.at("run").get<std::string>();
    command.request_id = json.at("request").get<std::string>();
    command.batch_size = json.at("batch_size").get<uint32_t>();
    command.rollouts.seed = json.at("seed").get<uint64_t>();
    command.rollouts.step = json.at("step").get<uint64_t>();
    command.rollouts.skill = json.at("skill").get<double>();
    return command;
  } catch (const Json::exception& exception) {
    return NotALine(line, exception.what());
  }
}

absl::StatusOr<StepAnswer> ParseStepAnswer(const std::string& line) {
  try {
    const Json json = Json::parse(line);
    StepAnswer answer;
    answer.batch_id = json.at("batch").get<std::string>();
    answer.report_count = json.at("reports").get<uint64_t>();
    answer.rollout_count = json.at("rollouts").get<uint64_t>();
    answer.accepted_count = json.at("accepted").get<uint64_t>();
    answer.failed_count = json.at("failed").get<uint64_t>();
    answer.duplicate_count = json.at("duplicates").get<uint64_t>();
    answer.error = json.at("error").get<std::string>();
    return answer;
  } catch (const Json::exception& exception) {
    return NotALine(line, exception.what());
  }
}

}  // namespace vade::load
