#include "client/cli/prompt_export.h"

#include <nlohmann/json.hpp>
#include <sstream>

#include "client/cli/row_source.h"
#include "tests/catch.h"

namespace vade::cli {
namespace {

sampler::v1::Prompt MakePrompt(const std::string& payload) {
  sampler::v1::Prompt prompt;
  prompt.set_id("a,\"b\"");
  (*prompt.mutable_labels())["source"] = "x,y";
  prompt.mutable_evidence()->set_alpha(0.1);
  prompt.set_deal_count(3);
  prompt.set_payload(payload);
  return prompt;
}

}  // namespace

TEST_CASE("An exported JSON line reads back", "[unit]") {
  const std::string line = ToJsonLine(MakePrompt("two\nlines"), true);
  CHECK(line.find('\n') == line.size() - 1);
  const auto json = nlohmann::json::parse(line, nullptr, false);
  CHECK(json["id"] == "a,\"b\"");
  CHECK(json["labels"]["source"] == "x,y");
  CHECK(json["alpha"] == 0.1);
  CHECK(json["deal_count"] == 3);
  CHECK(json["payload"] == "two\nlines");
  CHECK_FALSE(nlohmann::json::parse(ToJsonLine(MakePrompt("p"), false))
                  .contains("payload"));
}

TEST_CASE("A payload that is not UTF-8 is exported as base64", "[unit]") {
  const auto json = nlohmann::json::parse(
      ToJsonLine(MakePrompt("\xff\xfe"), true), nullptr, false);
  CHECK(json["payload_base64"] == "//4=");
  CHECK_FALSE(json.contains("payload"));
}

TEST_CASE("An exported CSV line reads back", "[unit]") {
  std::istringstream in(CsvHeader(true) +
                        ToCsvLine(MakePrompt("two\nlines"), true));
  RowSource source(in, "file", RowFormat::kCsv);
  Row row;
  auto more = source.Next(row);
  REQUIRE(more.ok());
  REQUIRE(*more);
  CHECK(row.fields["id"] == "a,\"b\"");
  CHECK(row.fields["labels"] == "source=x,y");
  CHECK(row.fields["alpha"] == "0.1");
  CHECK(row.fields["payload"] == "two\nlines");
}

}  // namespace vade::cli
