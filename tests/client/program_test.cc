// vadectl as a function, against a server in this process.
#include "client/cli/program.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "tests/catch.h"
#include "tests/client/fake_sampler.h"

namespace vade::cli {
namespace {

using client::FakeSampler;

struct Result {
  int exit = 0;
  std::string out;
  std::string err;
};

Result RunProgram(const std::string& line, const FakeSampler* fake,
                  const std::string& input = "") {
  std::vector<std::string> arguments =
      absl::StrSplit(line, ' ', absl::SkipEmpty());
  if (fake != nullptr) arguments.push_back("--address=" + fake->address());
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream err;
  Streams streams{in, out, err};
  Program program;
  const int exit = program.Run(arguments, streams);
  return {exit, out.str(), err.str()};
}

}  // namespace

TEST_CASE("Every example of the help parses as typed", "[unit]") {
  const Program reference;
  for (const auto& command : reference.commands()) {
    const CommandText text = command->Text();
    const std::vector<std::string> examples =
        absl::StrSplit(text.example, '\n');
    CHECK(!text.summary.empty());
    for (const std::string& example : examples) {
      CAPTURE(example);
      CHECK(example.size() <= 78);
      const size_t start = example.find("vadectl ");
      REQUIRE(start != std::string::npos);
      std::vector<std::string> words = absl::StrSplit(
          example.substr(start + 8), absl::ByAnyChar(" )"), absl::SkipEmpty());
      REQUIRE(words.size() >= 2);
      CHECK(words[0] == text.verb);
      CHECK(words[1] == text.noun);
      Program program;
      CHECK(program.Check(words).empty());
    }
  }
}

TEST_CASE("No line of the help is wider than a terminal", "[unit]") {
  const Program reference;
  std::vector<std::string> lines = {"--help"};
  for (const auto& command : reference.commands()) {
    const CommandText text = command->Text();
    lines.push_back(text.verb + " --help");
    lines.push_back(text.verb + " " + text.noun + " --help");
  }
  for (const std::string& line : lines) {
    const Result result = RunProgram(line, nullptr);
    CHECK(result.exit == kExitDone);
    CHECK(result.err.empty());
    for (const std::string& text :
         std::vector<std::string>(absl::StrSplit(result.out, '\n'))) {
      CAPTURE(line, text);
      CHECK(text.size() <= 80);
    }
  }
}

TEST_CASE("A wrong command line ends with 2 and calls nobody", "[unit]") {
  FakeSampler fake;
  for (const char* line : {"",
                           "fly",
                           "get",
                           "get run",
                           "get run a b",
                           "get run a --what",
                           "get run a --output=xml",
                           "get run a --timeout=5",
                           "sample batch a --size=-1",
                           "sample batch a --shard=8/8",
                           "sample batch a --shard=0/8",
                           "update run a",
                           "update prompt a q",
                           "update prompt a q --enable --disable",
                           "import prompts a",
                           "import prompts a /there/is/no/file",
                           "import prompts a - --label=x",
                           "import prompts a - --correct-field=c",
                           "create run a --reward-min=0 --reward-threshold=1",
                           "create run a --starting-weight=3",
                           "report rewards a 1-1",
                           "report rewards a 1-1 q=one",
                           "get run a --tls-ca=/no/such/file"}) {
    CAPTURE(line);
    const Result result = RunProgram(line, &fake);
    CHECK(result.exit == kExitUsage);
    CHECK(result.out.empty());
    CHECK(absl::StrContains(result.err, "vadectl: "));
  }
  CHECK(fake.calls("GetRun") == 0);
  CHECK(fake.calls("ImportPrompts") == 0);
}

TEST_CASE("A call that fails ends with 1 and names code and reason", "[unit]") {
  FakeSampler fake;
  const Result result = RunProgram("get run nothing", &fake);
  CHECK(result.exit == kExitFailed);
  CHECK(result.out.empty());
  CHECK(result.err ==
        "vadectl: NOT_FOUND (RUN_NOT_FOUND): no run runs/nothing\n");
}

TEST_CASE("A run is named by its id or by its name", "[unit]") {
  FakeSampler fake;
  REQUIRE(RunProgram("create run runs/a --group-size=4", &fake).exit == 0);
  CHECK(fake.run("runs/a").group_size() == 4);
  CHECK(RunProgram("get run a", &fake).out ==
        RunProgram("get run runs/a", &fake).out);
}

TEST_CASE("JSON output is the answer of the RPC with its field names",
          "[unit]") {
  FakeSampler fake;
  const Result created =
      RunProgram("--output=json create run a --reward-max=2 --seed=7", &fake);
  REQUIRE(created.exit == 0);
  CHECK(created.err.empty());
  const auto run = nlohmann::json::parse(created.out, nullptr, false);
  CHECK(run["name"] == "runs/a");
  CHECK(run["group_size"] == 8);
  CHECK(run["seed"] == "7");
  CHECK(run["reward_rule"]["range"]["max"] == 2.0);
  // Also what is zero, so that a reader need not know defaults.
  CHECK(run["batch_count"] == "0");
}

TEST_CASE("Lists follow all pages", "[unit]") {
  FakeSampler fake;
  for (const char* run : {"a", "b", "c"}) {
    REQUIRE(RunProgram(std::string("create run ") + run, &fake).exit == 0);
  }
  const Result table = RunProgram("list runs", &fake);
  CHECK(std::count(table.out.begin(), table.out.end(), '\n') == 4);
  const Result json = RunProgram("list runs --output json", &fake);
  CHECK(nlohmann::json::parse(json.out)["runs"].size() == 3);
}

TEST_CASE("An import reads standard input and counts", "[unit]") {
  FakeSampler fake;
  REQUIRE(RunProgram("create run a", &fake).exit == 0);
  const Result result = RunProgram(
      "import prompts a - --id-field=key --label=topic=t --payload=field:q "
      "--pass-rate-field=p --weight=2",
      &fake,
      "{\"key\": \"k1\", \"t\": \"math\", \"q\": \"1+1\", \"p\": 0.5}\n"
      "{\"key\": \"k2\", \"t\": \"code\", \"q\": \"def\", \"p\": 1}\n");
  CHECK(result.exit == 0);
  CHECK(result.err.empty());
  CHECK(absl::StrContains(result.out, "2 created, 0 updated, 0 skipped"));
  const auto prompts = fake.prompts();
  REQUIRE(prompts.count("k1") == 1);
  CHECK(prompts.at("k1").payload() == "1+1");
  CHECK(prompts.at("k1").labels().at("topic") == "math");
  CHECK(prompts.at("k2").starting_evidence().pass_rate() == 1);
  CHECK(prompts.at("k2").starting_evidence().weight() == 2);
}

TEST_CASE("A bad row stops the import before its chunk is sent", "[unit]") {
  FakeSampler fake;
  REQUIRE(RunProgram("create run a", &fake).exit == 0);
  const Result result =
      RunProgram("import prompts a -", &fake, "{\"id\": \"1\"}\nnonsense\n");
  CHECK(result.exit == kExitFailed);
  CHECK(result.out.empty());
  CHECK(absl::StrContains(result.err, "<stdin>:2: the line is not JSON"));
  CHECK(absl::StrContains(result.err, "0 prompts before it were imported"));
  CHECK(fake.prompts().empty());
}

TEST_CASE("An export writes what an import reads", "[unit]") {
  FakeSampler fake;
  REQUIRE(RunProgram("create run a", &fake).exit == 0);
  REQUIRE(
      RunProgram("import prompts a -", &fake, "{\"id\": \"1\", \"q\": \"x\"}\n")
          .exit == 0);
  const Result exported = RunProgram("export prompts a --payload", &fake);
  REQUIRE(exported.exit == 0);
  FakeSampler other;
  REQUIRE(RunProgram("create run a", &other).exit == 0);
  REQUIRE(RunProgram("import prompts a - --payload=field:payload", &other,
                     exported.out)
              .exit == 0);
  CHECK(other.prompts().at("1").payload() == "{\"id\": \"1\", \"q\": \"x\"}");
  CHECK(
      absl::StrContains(RunProgram("export prompts a --format=csv", &fake).out,
                        "id,labels,disabled"));
}

TEST_CASE("Rewards are reported from the command line and from a file",
          "[unit]") {
  FakeSampler fake;
  CHECK(RunProgram("report rewards a 1-1 q1=1,0,x --final", &fake).exit == 0);
  CHECK(RunProgram("report rewards a runs/a/batches/1-2 --file=-", &fake,
                   "{\"prompt_id\": \"q2\", \"rewards\": [1]}\n")
            .exit == 0);
  const auto reports = fake.reports();
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].reports(0).groups(0).final());
  CHECK(reports[0].reports(0).groups(0).failed_rollout_indexes(0) == 2);
  CHECK(reports[1].reports(0).batch_id() == "1-2");
}

TEST_CASE("A bad line of rewards sends nothing", "[unit]") {
  FakeSampler fake;
  const Result result =
      RunProgram("report rewards a 1-1 --file=-", &fake,
                 "{\"prompt_id\": \"q\", \"rewards\": [1]}\n{\"x\": 1}\n");
  CHECK(result.exit == kExitFailed);
  CHECK(absl::StrContains(result.err, "<stdin>:2: field 'x' is unknown"));
  CHECK(fake.calls("ReportRewards") == 0);
}

TEST_CASE("A watch prints a line for each update off a terminal", "[unit]") {
  FakeSampler fake;
  REQUIRE(RunProgram("create run a", &fake).exit == 0);
  const Result lines = RunProgram("watch run a", &fake);
  CHECK(lines.exit == 0);
  CHECK(std::count(lines.out.begin(), lines.out.end(), '\n') == 2);
  CHECK_FALSE(absl::StrContains(lines.out, "\x1b"));
  const Result one = RunProgram("watch run a --count=1 --output=json", &fake);
  CHECK(nlohmann::json::parse(one.out, nullptr, false)["run"] == "runs/a");
}

TEST_CASE("Health is an exit code", "[unit]") {
  FakeSampler fake;
  CHECK(RunProgram("check health", &fake).out == "serving\n");
  fake.set_serving(false);
  const Result result = RunProgram("check health", &fake);
  CHECK(result.exit == kExitFailed);
  CHECK(absl::StrContains(result.err, "UNAVAILABLE"));
}

TEST_CASE("An explanation as JSON has the interval of the posterior",
          "[unit]") {
  FakeSampler fake;
  REQUIRE(RunProgram("create run a", &fake).exit == 0);
  REQUIRE(RunProgram("import prompts a -", &fake, "{\"id\": \"q1\"}\n").exit ==
          0);
  const Result result = RunProgram("explain prompt a q1 --output=json", &fake);
  CHECK(result.exit == 0);
  const auto json = nlohmann::json::parse(result.out);
  CHECK(json["prompt"]["id"] == "q1");
  CHECK(json["posterior_interval"]["low"] == Approx(0.025));
  CHECK(json["posterior_interval"]["high"] == Approx(0.975));
}

TEST_CASE("Batches, prompts and statistics are shown", "[unit]") {
  FakeSampler fake;
  REQUIRE(RunProgram("create run a", &fake).exit == 0);
  REQUIRE(RunProgram("import prompts a -", &fake, "{\"id\": \"q1\"}\n").exit ==
          0);
  const Result batch = RunProgram("sample batch a --size=4", &fake);
  CHECK(batch.exit == 0);
  CHECK(absl::StrContains(batch.out, "q1      0.250  0.1406"));
  for (const char* line :
       {"get batch a 1-0", "get prompt a q1 --payload", "list prompts a",
        "get stats a", "explain prompt a q1", "get run a"}) {
    CAPTURE(line);
    const Result result = RunProgram(line, &fake);
    CHECK(result.exit == 0);
    CHECK(!result.out.empty());
    CHECK(result.err.empty());
    CHECK(nlohmann::json::accept(
        RunProgram(std::string(line) + " --output=json", &fake).out));
  }
}

}  // namespace vade::cli
