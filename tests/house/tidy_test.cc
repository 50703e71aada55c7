// The tree keeps the house rules; and each rule catches what it is there for.
#include "tests/house/tidy.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/house/source_file.h"
#include "tests/house/words.h"

namespace vade::house {
namespace {

namespace fs = std::filesystem;

constexpr char kRoot[] = VADE_SOURCE_DIR;

// What is built or kept beside the sources.
bool IsSkippedFolder(const std::string& name) {
  return StartsWith(name, "build") || name == "vade-data" ||
         name == "__pycache__" || name == "_proto" ||
         EndsWith(name, ".egg-info") ||
         (name.size() > 1 && name[0] == '.' && name != ".ci");
}

bool IsText(const fs::path& path) {
  const std::string extension = path.extension().string();
  return extension != ".binpb" && extension != ".png" && extension != ".pyc";
}

std::vector<SourceFile> ReadTree() {
  std::vector<SourceFile> files;
  fs::recursive_directory_iterator it(kRoot), end;
  for (; it != end; ++it) {
    const std::string name = it->path().filename().string();
    if (it->is_directory()) {
      if (IsSkippedFolder(name)) it.disable_recursion_pending();
      continue;
    }
    // Of a worktree, .git is a file that names another folder.
    if (name == ".git") continue;
    if (!it->is_regular_file()) continue;
    // What is no text has no lines, and may be linked to.
    std::string text;
    if (IsText(it->path())) {
      std::ifstream in(it->path(), std::ios::binary);
      text.assign(std::istreambuf_iterator<char>(in),
                  std::istreambuf_iterator<char>());
    }
    files.push_back(
        ParseSource(fs::relative(it->path(), kRoot).generic_string(), text));
  }
  std::sort(
      files.begin(), files.end(),
      [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

// The rules that a lone file breaks, without repeats, sorted. The rule on
// folders is left out: it is about the tree.
std::vector<std::string> RulesBroken(const std::string& path,
                                     const std::string& text) {
  std::vector<std::string> rules;
  for (const Finding& finding : CheckTree({ParseSource(path, text)})) {
    if (finding.rule != "folder-readme") rules.push_back(finding.rule);
  }
  std::sort(rules.begin(), rules.end());
  rules.erase(std::unique(rules.begin(), rules.end()), rules.end());
  return rules;
}

using Rules = std::vector<std::string>;

std::string Repeat(const std::string& text, int count) {
  std::string result;
  for (int i = 0; i < count; ++i) result += text;
  return result;
}

TEST_CASE("The tree keeps the house rules", "[unit]") {
  const std::vector<SourceFile> files = ReadTree();
  REQUIRE(files.size() > 20);
  std::string report;
  for (const Finding& finding : CheckTree(files)) {
    report += ToString(finding) + "\n";
  }
  INFO(report);
  CHECK(report.empty());
}

TEST_CASE("A file of more than 500 lines is found", "[unit]") {
  CHECK(RulesBroken("server/a.cc", Repeat("int a;\n", 500)) == Rules{});
  CHECK(RulesBroken("server/a.cc", Repeat("int a;\n", 501)) ==
        Rules{"file-length"});
  CHECK(RulesBroken("README.md", Repeat("prose\n", 501)) == Rules{});
}

TEST_CASE("A function of more than 70 lines is found", "[unit]") {
  const std::string statement = "  Call();\n";
  for (const std::string head :
       {"int F(int a) {\n", "template <class T>\nint F(T a) {\n",
        "struct A {\nint F() const {\n", "A::A(int a) : a_(a), b_{1} {\n",
        "namespace n {\nTEST_CASE(\"x\") {\n"}) {
    CAPTURE(head);
    const bool two_lines = std::count(head.begin(), head.end(), '\n') == 2 &&
                           !StartsWith(head, "template");
    const int own = StartsWith(head, "template") ? 3 : 2;
    const std::string tail = two_lines ? "}\n};\n" : "}\n";
    CHECK(RulesBroken("server/a.cc",
                      head + Repeat(statement, 70 - own) + tail) == Rules{});
    CHECK(RulesBroken("server/a.cc", head + Repeat(statement, 71 - own) +
                                         tail) == Rules{"function-length"});
  }
}

TEST_CASE("A long function of Python is found", "[unit]") {
  CHECK(RulesBroken("client/python/a.py",
                    "def f():\n" + Repeat("    pass\n", 69)) == Rules{});
  CHECK(RulesBroken("client/python/a.py",
                    "class A:\n  def f(\n  ):\n" + Repeat("    pass\n\n", 70) +
                        "b = 1\n") == Rules{"function-length"});
}

TEST_CASE("Namespaces, types and tables may be long", "[unit]") {
  const std::string fields = Repeat("  int a;\n", 80);
  CHECK(RulesBroken("server/a.cc", "namespace n {\n" + fields + "}\n") ==
        Rules{});
  CHECK(RulesBroken("server/a.cc", "class A final {\n" + fields + "};\n") ==
        Rules{});
  CHECK(RulesBroken("server/a.cc", "int kTable[F(2)] = {\n" +
                                       Repeat("1,\n", 80) + "};\n") == Rules{});
}

TEST_CASE("Names that say nothing are found", "[unit]") {
  CHECK(RulesBroken("server/string_util.cc", "") == Rules{"empty-name"});
  CHECK(RulesBroken("server/common/a.cc", "") == Rules{"empty-name"});
  CHECK(RulesBroken("server/a.cc", "class RunManager {};\n") ==
        Rules{"empty-name"});
  CHECK(RulesBroken("server/a.cc", "namespace vade::misc {}\n") ==
        Rules{"empty-name"});
  CHECK(RulesBroken("server/a.cc", "enum class ReportHelper { kA };\n") ==
        Rules{"empty-name"});
  // Other people's names are theirs.
  CHECK(RulesBroken("server/a.cc", "std::common_type_t<int, long> a;\n") ==
        Rules{});
  CHECK(RulesBroken("server/uncommon.cc", "class Utility {};\n") == Rules{});
}

TEST_CASE("Words that the project does not say are found", "[unit]") {
  CHECK(RulesBroken("proto/a.proto", "message Job {}\n") ==
        Rules{"other-word"});
  CHECK(RulesBroken("proto/a.proto", "uint64 stale_count = 1;\n") ==
        Rules{"other-word"});
  CHECK(RulesBroken("client/cli/a.cc",
                    "auto a = \"--"
                    "session-id\";\n") == Rules{"other-word"});
  CHECK(RulesBroken("server/a.h",
                    "#ifndef VADE_SERVER_A_H_\nclass OldTrajectory;\n") ==
        Rules{"other-word"});
  CHECK(RulesBroken("proto/a.proto", "// A job elsewhere.\nmessage Run {}\n") ==
        Rules{});
}

TEST_CASE("Marks of unfinished work are found", "[unit]") {
  for (const std::string& marker :
       {std::string("TO") + "DO", std::string("FIX") + "ME",
        std::string("X") + "XX"}) {
    CAPTURE(marker);
    CHECK(RulesBroken("server/a.cc", "// " + marker + "(me): later\n") ==
          Rules{"marker"});
    CHECK(RulesBroken("deploy/run", "#!/bin/bash\n# " + marker + "\n") ==
          Rules{"marker"});
  }
  CHECK(RulesBroken("deploy/run", "#!/bin/bash\nmktemp aXXXXXX\n") == Rules{});
}

TEST_CASE("Paths of one machine are found", "[unit]") {
  CHECK(RulesBroken("README.md", std::string("see /wo") + "rk/main\n") ==
        Rules{"machine-path"});
  CHECK(RulesBroken("a.cc", std::string("\"/ro") + "ot/.cache\"\n") ==
        Rules{"machine-path"});
  CHECK(RulesBroken("README.md",
                    "net/wor"
                    "k/a and $HOME/wor"
                    "k/a\n") == Rules{});
}

TEST_CASE("Numbers of a tracker are found", "[unit]") {
  CHECK(RulesBroken("server/a.cc", std::string("// See iss") + "ue #12.\n") ==
        Rules{"issue-number"});
}

TEST_CASE("Code in a comment is found", "[unit]") {
  for (const std::string line :
       {"// Call(a, b);", "  // return a;", "// int a = 1;", "// if (a > b) {",
        "// }", "// #include <map>", "int a;  // F(b);"}) {
    CAPTURE(line);
    CHECK(RulesBroken("server/a.cc", line + "\n") ==
          Rules{"commented-out-code"});
  }
  CHECK(RulesBroken("server/a.cc",
                    "// Waits (never long);\n// a set of {a, b}\n") == Rules{});
  CHECK(RulesBroken("server/a.cc",
                    "// For example:\n//   Call(a, b);\nint a;\n") == Rules{});
  CHECK(RulesBroken("server/a.cc",
                    "// Calls.\n//\n//   Call(a, b);\nint a;\n") == Rules{});
  CHECK(RulesBroken("server/a.cc", "// Calls.\n//   Call(a, b);\nint a;\n") ==
        Rules{"commented-out-code"});
}

TEST_CASE("Text in a string is not code, nor a comment", "[unit]") {
  CHECK(RulesBroken("server/a.cc",
                    "auto a = \"throw new // Call(a, b);\";\n") == Rules{});
  CHECK(RulesBroken("server/a.cc",
                    "auto a = R\"(\n// Call(a, b);\nthrow 1;\n)\";\n") ==
        Rules{});
  CHECK(RulesBroken("server/a.cc", "auto a = '\"'; throw 1;\n") ==
        Rules{"throw"});
  CHECK(RulesBroken("server/a.cc", "auto a = 1'000; throw 1;\n") ==
        Rules{"throw"});
}

TEST_CASE("Exceptions and raw ownership are found", "[unit]") {
  CHECK(RulesBroken("server/a.cc", "void F() { throw 1; }\n") ==
        Rules{"throw"});
  CHECK(RulesBroken("server/a.cc", "auto* a = new A();\n") == Rules{"raw-new"});
  CHECK(RulesBroken("server/a.cc", "void F() { delete a; }\n") ==
        Rules{"raw-delete"});
  CHECK(RulesBroken("server/a.cc",
                    "auto a = std::unique_ptr<A>(\n    new A());\n") ==
        Rules{});
  CHECK(RulesBroken("server/a.cc",
                    "A(const A&) = delete;\nvoid OnDone() { delete this; }\n"
                    "void* operator new(size_t);\n") == Rules{});
}

TEST_CASE("Time, sleep and chance are found outside their files", "[unit]") {
  for (const std::string line :
       {"auto a = absl::Now();", "std::random_device a;", "absl::SleepFor(a);",
        "std::this_thread::sleep_for(a);", "usleep(1);"}) {
    CAPTURE(line);
    CHECK(RulesBroken("tests/a.cc", line + "\n") == Rules{"hidden-world"});
    CHECK(RulesBroken("client/cpp/clock.cc", line + "\n") == Rules{});
  }
}

TEST_CASE("An include that points up is found", "[unit]") {
  const auto include = [](const std::string& path) {
    return "#include " + path + "\n";
  };
  CHECK(RulesBroken("storage/a.cc", include("\"server/sampling/run.h\"")) ==
        Rules{"layer"});
  CHECK(RulesBroken("storage/a.cc", include("<grpcpp/grpcpp.h>")) ==
        Rules{"layer"});
  CHECK(RulesBroken("server/sampling/a.cc", include("\"server/errors.h\"")) ==
        Rules{"layer"});
  CHECK(RulesBroken("server/sampling/a.cc",
                    include("\"vade/sampler/v1/run.pb.h\"")) == Rules{"layer"});
  CHECK(RulesBroken("server/a.cc", include("<rocksdb/db.h>")) ==
        Rules{"layer"});
  CHECK(RulesBroken("client/cpp/a.cc", include("\"storage/types.h\"")) ==
        Rules{"layer"});
  CHECK(RulesBroken("server/sampling/a.cc",
                    include("\"server/sampling/run.h\"") +
                        include("\"storage/store.h\"")) == Rules{});
  CHECK(RulesBroken("server/a.cc", include("\"vade/sampler/v1/run.pb.h\"")) ==
        Rules{});
  CHECK(RulesBroken("tests/a.cc", include("\"server/a.h\"")) == Rules{});
}

TEST_CASE("A CMake target that points up is found", "[unit]") {
  CHECK(
      RulesBroken("server/sampling/CMakeLists.txt",
                  "target_link_libraries(vade_sampling PUBLIC vade_proto)\n") ==
      Rules{"layer"});
  CHECK(RulesBroken("client/cpp/CMakeLists.txt",
                    "target_link_libraries(vade_client vade_storage)\n") ==
        Rules{"layer"});
  CHECK(
      RulesBroken("storage/CMakeLists.txt",
                  "# vade_proto is far above.\nadd_library(vade_storage)\n") ==
      Rules{});
}

TEST_CASE("A header guard not named by its path is found", "[unit]") {
  CHECK(RulesBroken("server/a-b.h", "#ifndef VADE_SERVER_A_B_H_\n") == Rules{});
  CHECK(RulesBroken("server/a.h", "#ifndef A_H_\n") == Rules{"header-guard"});
  CHECK(RulesBroken("server/a.h", "#pragma once\n") == Rules{"header-guard"});
}

TEST_CASE("A folder without a page is found", "[unit]") {
  const std::vector<Finding> findings = CheckTree(
      {ParseSource("server/a.cc", ""), ParseSource("proto/README.md", ""),
       ParseSource("proto/a.proto", ""), ParseSource(".ci/run", "")});
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].rule == "folder-readme");
  CHECK(findings[0].path == "server/README.md");
}

TEST_CASE("A link to what is not there is found", "[unit]") {
  const auto broken = [](const std::string& text) {
    std::vector<Finding> findings;
    CheckLinks({ParseSource("deploy/README.md", text),
                ParseSource("server/sampling/run.h", ""),
                ParseSource("README.md", "")},
               findings);
    return findings.size();
  };
  CHECK(broken("[a](../server/sampling/run.h) [b](../README.md#top)") == 0);
  CHECK(broken("[a](../server/sampling/) [b](README.md) [c](#here)") == 0);
  CHECK(broken("[a](https://example.org/x) [b](mailto:a@example.org)") == 0);
  CHECK(broken("[a](run.h)") == 1);
  CHECK(broken("[a](../README.md), [b](../server/run.h), [c](no.md)") == 2);
}

TEST_CASE("Copies of other projects' files keep their style", "[unit]") {
  CHECK(RulesBroken("proto/google/rpc/a.proto", "message Job {}\n") == Rules{});
}

}  // namespace
}  // namespace vade::house
