// The completion script, run by bash as if someone pressed Tab.
#include "client/cli/completion.h"

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/cli/program.h"
#include "tests/catch.h"
#include "tests/client/child_process.h"
#include "tests/client/fake_sampler.h"

namespace vade::cli {
namespace {

using client::ChildResult;
using client::FakeSampler;
using client::RunChild;

// What bash offers after these words; the last one is being typed.
std::set<std::string> Complete(const std::vector<std::string>& words,
                               const std::string& address = "") {
  const Program program;
  const std::string script =
      absl::StrCat(BashCompletion(program.app()), "\nvadectl() { '",
                   VADECTL_PATH, "' \"$@\"; }\nCOMP_WORDS=(vadectl '",
                   absl::StrJoin(words, "' '"), "')\nCOMP_CWORD=", words.size(),
                   "\n_vadectl\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n");
  const ChildResult result =
      RunChild({"bash", "-c", script}, {"VADECTL_ADDRESS=" + address});
  CAPTURE(result.err);
  CHECK(result.exit == 0);
  std::set<std::string> replies =
      absl::StrSplit(result.out, '\n', absl::SkipEmpty());
  return replies;
}

using Words = std::set<std::string>;

}  // namespace

TEST_CASE("The completion script is good bash", "[unit]") {
  const Program program;
  CHECK(RunChild({"bash", "-n", "-c", BashCompletion(program.app())}).exit ==
        0);
}

TEST_CASE("Completion offers commands", "[unit]") {
  CHECK(Complete({"ex"}) == Words{"export", "explain"});
  CHECK(Complete({"list", ""}) == Words{"runs", "prompts", "batches"});
  CHECK(Complete({"--output", "json", "sample", ""}) == Words{"batch"});
}

TEST_CASE("Completion offers flags of the command and of all", "[unit]") {
  const Words flags = Complete({"sample", "batch", "r", "--"});
  CHECK(flags.count("--size") == 1);
  CHECK(flags.count("--address") == 1);
  CHECK(flags.count("--group-size") == 0);
  CHECK(Complete({"--ver"}) == Words{"--version"});
}

TEST_CASE("Completion offers the words of a flag", "[unit]") {
  CHECK(Complete({"get", "run", "r", "--output", ""}) ==
        Words{"table", "json"});
  CHECK(Complete({"get", "run", "--output", "=", "j"}) == Words{"json"});
  CHECK(Complete({"create", "run", "r", "--policy", "m"}) == Words{"mopps"});
}

TEST_CASE("Completion offers the server's runs", "[unit]") {
  FakeSampler fake;
  for (const char* name : {"runs/gsm8k", "runs/math"}) {
    sampler::v1::Run run;
    run.set_name(name);
    fake.AddRun(run);
  }
  CHECK(Complete({"get", "run", ""}, fake.address()) == Words{"gsm8k", "math"});
  CHECK(Complete({"get", "run", "g"}, fake.address()) == Words{"gsm8k"});
  CHECK(Complete({"get", "run", "--timeout", "3s", "m"}, fake.address()) ==
        Words{"math"});
  // The second argument is no run.
  CHECK(Complete({"get", "prompt", "gsm8k", ""}, fake.address()).empty());
}

}  // namespace vade::cli
