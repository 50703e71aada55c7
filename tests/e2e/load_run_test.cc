// vade-load and vadectl against a real server.
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/load/connection.h"
#include "client/load/crash_test.h"
#include "client/load/trace.h"
#include "tests/catch.h"
#include "tests/e2e/programs.h"

namespace vade {
namespace {

using Json = nlohmann::json;

TEST_CASE("vadectl takes a run from its creation to its statistics", "[e2e]") {
  const TempFolder folder;
  const auto server = StartServer(folder);
  const std::string& address = server->address();
  std::ofstream(folder.File("prompts.jsonl"))
      << R"({"id":"a","question":"1+1?"})"
      << "\n"
      << R"({"id":"b","question":"2+2?"})"
      << "\n"
      << R"({"id":"c","question":"3+3?"})"
      << "\n";
  CHECK(Vadectl({"create", "run", "r", "--group-size=4"}, address).exit_code ==
        0);
  const ProgramResult imported = Vadectl(
      {"import", "prompts", "r", folder.File("prompts.jsonl"), "--id-field=id"},
      address);
  INFO(imported.err);
  CHECK(imported.exit_code == 0);
  const ProgramResult sampled =
      Vadectl({"sample", "batch", "r", "--size=2", "--output=json"}, address);
  INFO(sampled.err);
  REQUIRE(sampled.exit_code == 0);
  const Json batch = Json::parse(sampled.out);
  const std::string batch_id = batch.at("batch_id").get<std::string>();
  REQUIRE(batch.at("prompts").size() == 2);
  for (const Json& prompt : batch.at("prompts")) {
    const std::string rewards =
        prompt.at("prompt_id").get<std::string>() + "=1,0,1,0";
    const ProgramResult reported =
        Vadectl({"report", "rewards", "r", batch_id, rewards}, address);
    INFO(reported.err);
    CHECK(reported.exit_code == 0);
  }
  const ProgramResult stats =
      Vadectl({"get", "stats", "r", "--output=json"}, address);
  REQUIRE(stats.exit_code == 0);
  const Json figures = Json::parse(stats.out);
  CHECK(figures.at("rollout_count") == "8");
  CHECK(figures.at("effective_gradient_ratio") == 1.0);
  CHECK(figures.at("mean_pass_rate") == 0.5);
  CHECK(Vadectl({"get", "run", "none"}, address).exit_code == 1);
}

TEST_CASE("a simulated training is verified, and repeats exactly", "[e2e]") {
  const TempFolder folder;
  const auto server = StartServer(folder);
  const std::string& address = server->address();
  std::string first;
  for (const std::string run : {"one", "two"}) {
    const ProgramResult simulated =
        VadeLoad({"simulate", "--run=" + run, "--steps=10", "--batch-size=32",
                  "--prompts=500", "--workers=2", "--split=rollouts",
                  "--rollouts-per-report=3", "--failed-share=0.05",
                  "--log-dir=" + folder.File("logs")},
                 address);
    INFO(simulated.err);
    REQUIRE(simulated.exit_code == 0);
    CHECK(simulated.out.find("SIMULATED") != std::string::npos);
    const size_t policy = simulated.out.find("| vade ");
    REQUIRE(policy != std::string::npos);
    // Up to the last column, the run.
    const std::string figures =
        simulated.out.substr(policy, simulated.out.rfind(run) - policy);
    if (first.empty()) first = figures;
    // Workers, threads and retries interleave differently each time.
    CHECK(figures == first);
    const ProgramResult verified =
        VadeLoad({"verify", "--run=" + run, "--log-dir=" + folder.File("logs")},
                 address);
    INFO(verified.out << verified.err);
    CHECK(verified.exit_code == 0);
    CHECK(verified.out.find("VERIFIED") != std::string::npos);
  }
}

TEST_CASE("verify refuses books that do not agree with the logs", "[e2e]") {
  const TempFolder folder;
  const auto server = StartServer(folder);
  const std::string log = "--log-dir=" + folder.File("logs");
  REQUIRE(VadeLoad({"simulate", "--run=r", "--steps=2", "--batch-size=8",
                    "--prompts=100", "--workers=2", log},
                   server->address())
              .exit_code == 0);
  // A report that was answered and that the server never got.
  const auto logs =
      load::ReadReportLogs(folder.File("logs"), "r").value().batches;
  auto writer =
      load::ReportLogWriter::Open(folder.File("logs/planted.jsonl")).value();
  const uint64_t planted =
      writer->Sent({"r", logs.begin()->first, {{"prompt-x", 0, 1.0}}}).value();
  REQUIRE(writer->Answered(planted, {1, 0, 0}).ok());
  const ProgramResult verified =
      VadeLoad({"verify", "--run=r", log}, server->address());
  CHECK(verified.exit_code == 1);
  CHECK(verified.out.find("prompt-x") != std::string::npos);
}

TEST_CASE("a replay of a trace prints its figures", "[e2e]") {
  const TempFolder folder;
  const auto server = StartServer(folder);
  std::string trace = SharedFile("traces/oneshot_rlvr_long.csv",
                                 "the replay uses a made-up trace");
  if (trace.empty()) {
    trace = folder.File("trace.csv");
    std::ofstream output(trace);
    output << "prompt_id,visit,n_rollouts,n_correct\n";
    for (uint32_t i = 0; i < 300 * load::kTraceEpochs; ++i) {
      output << i / load::kTraceEpochs << "," << i % load::kTraceEpochs << ",8,"
             << i / load::kTraceEpochs % 9 << "\n";
    }
  }
  const ProgramResult replayed = VadeLoad(
      {"replay", "--trace=" + trace, "--policies=vade,uniform", "--seeds=1",
       "--steps=4", "--workers=4", "--json=" + folder.File("replay.jsonl")},
      server->address());
  INFO(replayed.err);
  REQUIRE(replayed.exit_code == 0);
  CHECK(replayed.out.find("| vade ") != std::string::npos);
  CHECK(replayed.out.find("| uniform ") != std::string::npos);
  std::ifstream input(folder.File("replay.jsonl"));
  std::string line;
  int lines = 0;
  while (std::getline(input, line)) {
    ++lines;
    const Json figures = Json::parse(line);
    CHECK(figures.at("rollouts") == 4 * 128 * 8);
    CHECK(figures.at("egr").get<double>() > 0);
  }
  CHECK(lines == 2);
}

load::CrashTestOptions CrashOptionsIn(const TempFolder& folder) {
  load::CrashTestOptions options;
  options.server = ServerOptionsIn(folder);
  options.vadectl_program = VadectlProgram();
  options.prompts_path = SharedFile("gsm8k/train.jsonl", "prompts are made up");
  options.simulate.run_id = "gsm8k";
  options.simulate.steps = 24;
  options.simulate.batch_size = 128;
  options.simulate.crew.program = LoadProgram();
  options.simulate.crew.log_folder = folder.File("logs");
  options.simulate.crew.worker.worker_count = 4;
  options.simulate.crew.worker.split = load::Split::kRollouts;
  return options;
}

TEST_CASE("kill -9 three times loses no answered report and counts none twice",
          "[e2e][crash]") {
  const TempFolder folder;
  const auto result = load::RunCrashTest(CrashOptionsIn(folder), stdout);
  INFO(result.status());
  REQUIRE(result.ok());
  INFO(load::VerdictText(result->verdict, result->log));
  CHECK(result->restart_seconds.size() == 3);
  CHECK(result->verdict.difference_count == 0);
  CHECK(result->verdict.answered_rollout_count == 24 * 128 * 8);
  CHECK(result->verdict.counted_rollout_count == 24 * 128 * 8);
  CHECK(result->log.unanswered_report_count == 0);

  // The run has learned what one that is never killed learns.
  const TempFolder quiet_folder;
  load::CrashTestOptions quiet = CrashOptionsIn(quiet_folder);
  quiet.kill_count = 0;
  const auto unkilled = load::RunCrashTest(quiet, stdout);
  INFO(unkilled.status());
  REQUIRE(unkilled.ok());
  CHECK(unkilled->simulation[0].totals.effective_group_count ==
        result->simulation[0].totals.effective_group_count);
  CHECK(unkilled->simulation[0].totals.expected_egr_sum ==
        Approx(result->simulation[0].totals.expected_egr_sum));
}

}  // namespace
}  // namespace vade
