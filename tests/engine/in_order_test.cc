#include "server/sampling/in_order.h"

#include <atomic>
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/catch.h"
#include "tests/engine/run_fixture.h"

namespace vade::sampling {
namespace {

TEST_CASE("Pieces are used in order, whoever made them", "[unit]") {
  for (const uint32_t threads : {0u, 1u, 2u, 7u}) {
    for (const uint64_t count : {0u, 1u, 2u, 13u, 1000u}) {
      INFO(threads << " threads, " << count << " pieces");
      std::atomic<uint64_t> made = 0;
      std::vector<uint64_t> used;
      const absl::Status status = InOrder<uint64_t>::Run(
          count, threads,
          [&](uint64_t i) -> absl::StatusOr<uint64_t> {
            ++made;
            return i * i;
          },
          [&](uint64_t piece) {
            used.push_back(piece);
            return absl::OkStatus();
          });
      CHECK(status.ok());
      CHECK(made == count);
      REQUIRE(used.size() == count);
      for (uint64_t i = 0; i < count; ++i) CHECK(used[i] == i * i);
    }
  }
}

TEST_CASE("The first error in order ends the work, made or used", "[unit]") {
  for (const uint32_t threads : {1u, 4u}) {
    INFO(threads << " threads");
    std::atomic<uint64_t> made = 0;
    uint64_t used = 0;
    const auto make = [&](uint64_t i) -> absl::StatusOr<uint64_t> {
      ++made;
      if (i >= 50) return absl::DataLossError(absl::StrCat("piece ", i));
      return i;
    };
    const auto count_use = [&](uint64_t) {
      ++used;
      return absl::OkStatus();
    };
    CHECK(InOrder<uint64_t>::Run(1000, threads, make, count_use) ==
          absl::DataLossError("piece 50"));
    CHECK(used == 50);
    CHECK(made < 1000);
    const auto refuse = [](uint64_t piece) {
      return piece < 7 ? absl::OkStatus()
                       : absl::InternalError(absl::StrCat("use of ", piece));
    };
    CHECK(InOrder<uint64_t>::Run(1000, threads, make, refuse) ==
          absl::InternalError("use of 7"));
  }
}

TEST_CASE("A run of many prompts is loaded as it was", "[unit]") {
  constexpr int kPrompts = 40'000;
  RunFixture f;
  for (int i = 0; i < kPrompts; i += 5000) f.Import(5000, i);
  f.ReportBatch(f.Sample(300), 3);
  REQUIRE(f->DeletePrompt("p20000", f.now()).ok());
  const double clock = f->Info().clock;
  std::vector<Evidence> before;
  for (int i = 0; i < kPrompts; i += 7) {
    before.push_back(f.Prompt(absl::StrCat("p", i)).evidence);
  }
  REQUIRE(f.Reload().ok());
  CHECK(f->Info().clock == clock);
  CHECK(f->Info().prompts == kPrompts - 1);
  for (int i = 0; i < kPrompts; i += 7) {
    const PromptInfo prompt = f.Prompt(absl::StrCat("p", i));
    REQUIRE(prompt.index == static_cast<uint32_t>(i));
    REQUIRE(prompt.evidence == before[static_cast<size_t>(i / 7)]);
  }
  CHECK(f->CheckInvariants().ok());
}

}  // namespace
}  // namespace vade::sampling
