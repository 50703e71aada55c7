#include "client/cli/row_source.h"

#include <sstream>
#include <string>
#include <vector>

#include "tests/catch.h"

namespace vade::cli {
namespace {

// All rows of `text`, and the error that ended them, if any.
struct Read {
  std::vector<Row> rows;
  std::string error;
};

Read ReadAll(const std::string& text, RowFormat format) {
  std::istringstream in(text);
  RowSource source(in, "file", format);
  Read read;
  while (true) {
    Row row;
    auto more = source.Next(row);
    if (!more.ok()) read.error = std::string(more.status().message());
    if (!more.ok() || !*more) return read;
    read.rows.push_back(row);
  }
}

}  // namespace

TEST_CASE("A JSONL row is a line, empty ones apart", "[unit]") {
  const Read read =
      ReadAll("{\"a\": 1}\n\n  \n{\"b\": \"x\"}\r\n", RowFormat::kJsonl);
  CHECK(read.error.empty());
  REQUIRE(read.rows.size() == 2);
  CHECK(read.rows[0].text == "{\"a\": 1}");
  CHECK(read.rows[1].text == "{\"b\": \"x\"}");
  CHECK(read.rows[1].line == 4);
  CHECK(read.rows[1].fields["b"] == "x");
}

TEST_CASE("A bad JSONL row is named by file and line", "[unit]") {
  CHECK(ReadAll("{}\n{\"a\": \n", RowFormat::kJsonl).error ==
        "file:2: the line is not JSON");
  CHECK(ReadAll("[1]\n", RowFormat::kJsonl).error ==
        "file:1: the line is a JSON array, not an object");
  CHECK(ReadAll("{} {}\n", RowFormat::kJsonl).error ==
        "file:1: the line is not JSON");
}

TEST_CASE("A JSONL row longer than the limit is refused", "[unit]") {
  const std::string long_line =
      "{\"a\": \"" + std::string(kMaxRowBytes, 'x') + "\"}\n";
  CHECK(ReadAll(long_line, RowFormat::kJsonl).error.find("file:1: the line") ==
        0);
}

TEST_CASE("A CSV row becomes an object of texts", "[unit]") {
  const Read read = ReadAll(
      "id,text\r\n1,plain\r\n2,\"a,b \"\"c\"\"\"\r\n\n3,\"two\nlines\"\n",
      RowFormat::kCsv);
  CHECK(read.error.empty());
  REQUIRE(read.rows.size() == 3);
  CHECK(read.rows[0].text == "{\"id\":\"1\",\"text\":\"plain\"}");
  CHECK(read.rows[1].fields["text"] == "a,b \"c\"");
  CHECK(read.rows[2].fields["text"] == "two\nlines");
  CHECK(read.rows[2].line == 5);
}

TEST_CASE("A bad CSV row is named by file and line", "[unit]") {
  CHECK(ReadAll("a,b\n1\n", RowFormat::kCsv).error ==
        "file:2: the row has 1 cells, the header 2");
  CHECK(ReadAll("a,b\n1,\"open\n", RowFormat::kCsv).error ==
        "file:2: a quoted cell has no end");
  CHECK(ReadAll("a,b\n1,x\"y\n", RowFormat::kCsv)
            .error.find("file:2: a quote stands within a cell") == 0);
  CHECK(ReadAll("a,a\n", RowFormat::kCsv).error ==
        "file:1: two columns of the header have the same name");
}

TEST_CASE("Files without rows have none", "[unit]") {
  CHECK(ReadAll("", RowFormat::kJsonl).rows.empty());
  CHECK(ReadAll("", RowFormat::kCsv).rows.empty());
  CHECK(ReadAll("a,b\n", RowFormat::kCsv).rows.empty());
}

}  // namespace vade::cli
