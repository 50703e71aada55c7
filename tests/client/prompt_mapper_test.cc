#include "client/cli/prompt_mapper.h"

#include <string>

#include "tests/catch.h"

namespace vade::cli {
namespace {

Row MakeRow(const std::string& text, uint64_t line = 1) {
  Row row;
  row.line = line;
  row.text = text;
  row.fields = nlohmann::ordered_json::parse(text);
  return row;
}

std::string ErrorOf(PromptMapping mapping, const std::string& text) {
  PromptMapper mapper(std::move(mapping));
  return std::string(mapper.Map(MakeRow(text)).status().message());
}

sampler::v1::Prompt PromptOf(PromptMapping mapping, const std::string& text) {
  PromptMapper mapper(std::move(mapping));
  auto prompt = mapper.Map(MakeRow(text));
  REQUIRE(prompt.ok());
  REQUIRE(prompt->has_value());
  return **prompt;
}

}  // namespace

TEST_CASE("The content hash is the same in every version", "[unit]") {
  // Published values of 64-bit FNV-1a.
  CHECK(ContentHash("") == "cbf29ce484222325");
  CHECK(ContentHash("a") == "af63dc4c8601ec8c");
  CHECK(ContentHash("foobar") == "85944171f73967e8");
}

TEST_CASE("A row without an id is named by its content", "[unit]") {
  const std::string text = "{\"question\": \"1 + 1?\"}";
  const auto prompt = PromptOf({}, text);
  CHECK(prompt.id() == ContentHash(text));
  CHECK(prompt.payload() == text);
  CHECK(prompt.labels().empty());
  CHECK_FALSE(prompt.has_starting_evidence());
}

TEST_CASE("An id comes from its field, or from several", "[unit]") {
  CHECK(PromptOf({}, R"({"id": "q1"})").id() == "q1");
  CHECK(PromptOf({}, R"({"id": 17})").id() == "17");
  PromptMapping mapping;
  mapping.id_fields = {"subset", "row"};
  CHECK(PromptOf(mapping, R"({"subset": "hard", "row": 3})").id() == "hard/3");
}

TEST_CASE("An id that cannot be one is an error", "[unit]") {
  PromptMapping mapping;
  mapping.id_fields = {"key"};
  CHECK(ErrorOf(mapping, R"({"id": "x"})") == "field 'key' is missing");
  CHECK(ErrorOf(mapping, R"({"key": ""})") ==
        "field 'key' is empty, and the id");
  CHECK(ErrorOf(mapping, R"({"key": {"a": 1}})") ==
        "field 'key' is object, not a text or a number");
  CHECK(ErrorOf({}, R"({"id": null})") ==
        "field 'id' is null, not a text or a number");
}

TEST_CASE("Two rows with one id are an error", "[unit]") {
  PromptMapper mapper({});
  REQUIRE(mapper.Map(MakeRow(R"({"id": "0"})", 1)).ok());
  const auto second = mapper.Map(MakeRow(R"({"id": "0", "x": 1})", 9));
  CHECK(std::string(second.status().message()) ==
        "the id '0' stands in line 1 already");
}

TEST_CASE("Two rows with one content are one prompt", "[unit]") {
  PromptMapper mapper({});
  REQUIRE(mapper.Map(MakeRow(R"({"q": 1})")).ok());
  const auto second = mapper.Map(MakeRow(R"({"q": 1})"));
  REQUIRE(second.ok());
  CHECK_FALSE(second->has_value());
  CHECK(mapper.repeated_count() == 1);
}

TEST_CASE("The payload is the line, a field or nothing", "[unit]") {
  PromptMapping mapping;
  mapping.payload = PromptMapping::Payload::kNone;
  CHECK(PromptOf(mapping, R"({"id": 1})").payload().empty());
  mapping.payload = PromptMapping::Payload::kField;
  mapping.payload_field = "q";
  CHECK(PromptOf(mapping, R"({"q": "text"})").payload() == "text");
  CHECK(PromptOf(mapping, R"({"q": {"b": 1, "a": 2}})").payload() ==
        R"({"b":1,"a":2})");
  CHECK(ErrorOf(mapping, "{}") == "field 'q' is missing");
}

TEST_CASE("Labels come from fields or from the command line", "[unit]") {
  PromptMapping mapping;
  mapping.labels = {*ParseLabel("domain=topic"), *ParseLabel("source==gsm8k"),
                    *ParseLabel("note==")};
  const auto prompt = PromptOf(mapping, R"({"id": 1, "topic": "algebra"})");
  CHECK(prompt.labels().at("domain") == "algebra");
  CHECK(prompt.labels().at("source") == "gsm8k");
  CHECK(prompt.labels().at("note").empty());
  CHECK(ErrorOf(mapping, R"({"id": 1})") == "field 'topic' is missing");
}

TEST_CASE("A label is KEY=FIELD or KEY==VALUE", "[unit]") {
  for (const char* bad : {"", "key", "=field", "key="}) {
    CHECK_FALSE(ParseLabel(bad).ok());
  }
  CHECK(*ParseLabel("a==b=c")->value == "b=c");
}

TEST_CASE("A known pass rate becomes starting evidence", "[unit]") {
  PromptMapping mapping;
  mapping.weight = 4;
  SECTION("as a rate") {
    mapping.pass_rate_field = "rate";
    const auto prompt = PromptOf(mapping, R"({"id": 1, "rate": 0.25})");
    CHECK(prompt.starting_evidence().pass_rate() == 0.25);
    CHECK(prompt.starting_evidence().weight() == 4);
    CHECK(ErrorOf(mapping, R"({"id": 1, "rate": 1.5})") ==
          "field 'rate' is 1.5, not in [0, 1]");
    CHECK(ErrorOf(mapping, R"({"id": 1, "rate": "high"})") ==
          "field 'rate' is 'high', not a number");
    CHECK(ErrorOf(mapping, R"({"id": 1, "rate": "nan"})") ==
          "field 'rate' is nan, not in [0, 1]");
  }
  SECTION("as counts, also written as text") {
    mapping.correct_field = "c";
    mapping.rollouts_field = "n";
    const auto prompt =
        PromptOf(mapping, R"({"id": 1, "c": "32", "n": "128"})");
    CHECK(prompt.starting_evidence().pass_rate() == 0.25);
    CHECK(ErrorOf(mapping, R"({"id": 1, "c": 9, "n": 8})") ==
          "field 'c' is 9, not in [0, 8]");
    CHECK(ErrorOf(mapping, R"({"id": 1, "c": 0, "n": 0})") ==
          "field 'n' is 0, not positive");
  }
}

}  // namespace vade::cli
