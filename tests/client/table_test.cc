#include "client/cli/table.h"

#include <string>

#include "client/cli/format.h"
#include "client/cli/help_formatter.h"
#include "client/cli/stats_view.h"
#include "tests/catch.h"

namespace vade::cli {

TEST_CASE("Columns are aligned and lines end without blanks", "[unit]") {
  Table table;
  table.Column("NAME").Column("COUNT", Align::kRight).Column("STATE");
  table.AddRow({"a", "12", "free"});
  table.AddRow({"longer", "3456789", ""});
  CHECK(table.Render(0) ==
        "NAME      COUNT  STATE\n"
        "a            12  free\n"
        "longer  3456789\n");
}

TEST_CASE("Characters count as one column, whatever their bytes", "[unit]") {
  CHECK(DisplayWidth("für") == 3);
  Table table;
  table.Column("A").Column("B");
  table.AddRow({"für", "x"});
  table.AddRow({"abcd", "y"});
  CHECK(table.Render(0) == "A     B\nfür   x\nabcd  y\n");
}

TEST_CASE("A table too wide for the terminal shortens one column", "[unit]") {
  Table table;
  table.Column("PROMPT").Flexible();
  table.Column("N", Align::kRight);
  table.AddRow({std::string(100, 'p'), "7"});
  const std::string text = table.Render(20);
  CHECK(text ==
        "PROMPT             N\n"
        "pppppppppppppppp…  7\n");
  CHECK(table.Render(0).find("…") == std::string::npos);
}

TEST_CASE("Control characters do not reach the terminal", "[unit]") {
  CHECK(FitWidth("a\x1b[2Jb\n", 100) == "a?[2Jb?");
}

TEST_CASE("Text that fits is left whole", "[unit]") {
  CHECK(FitWidth("abc", 3) == "abc");
  CHECK(FitWidth("abcd", 3) == "ab…");
  CHECK(FitWidth("äöüß", 3) == "äö…");
}

TEST_CASE("Help text is wrapped between words", "[unit]") {
  CHECK(WrapText("one two three", 8, 2) == "one two\n  three");
  CHECK(WrapText("unbreakable word", 4, 0) == "unbreakable\nword");
  CHECK(WrapText("", 10, 0).empty());
}

TEST_CASE("Numbers have as many digits as tell something", "[unit]") {
  CHECK(FormatNumber(12) == "12");
  CHECK(FormatNumber(12.25) == "12.25");
  CHECK(FormatShare(0.4321) == "43.2 %");
  CHECK(FormatRate(1.0 / 3) == "0.333");
  CHECK(FormatDuration(ToProto(absl::Minutes(30))) == "30m");
  CHECK(FormatDuration({}) == "-");
  CHECK(FormatEnum("IN_FLIGHT") == "in flight");
  google::protobuf::Timestamp time;
  CHECK(FormatTime(time) == "-");
  time.set_seconds(1700000000);
  CHECK(FormatTime(time) == "2023-11-14 22:13:20 UTC");
}

TEST_CASE("A bar is as long as its share", "[unit]") {
  CHECK(Bar(0, 4).empty());
  CHECK(Bar(0.5, 4) == "██");
  CHECK(Bar(1, 4) == "████");
  CHECK(Bar(7, 4) == "████");
  CHECK(Bar(1.0 / 8, 4) == "▌");
}

}  // namespace vade::cli
