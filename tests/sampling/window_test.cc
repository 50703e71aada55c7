#include "server/sampling/window.h"

#include <algorithm>

#include "tests/catch.h"

namespace vade::sampling {
namespace {

const Objective kWindowObjectives[] = {
    Objective(ObjectiveKind::kInformationGain),
    Objective(ObjectiveKind::kVariance),
    Objective(ObjectiveKind::kNearTarget, 0.9)};

TEST_CASE("A window ends where the deficit is reached", "[unit]") {
  for (const Objective& objective : kWindowObjectives) {
    for (const double deficit : {1e-12, 1e-6, 1e-3, 0.01, 0.05, 0.1}) {
      const Window window = WindowOf(objective, deficit);
      const double mode = objective.mode();
      INFO("mode " << mode << ", deficit " << deficit);
      CHECK(objective.DeficitAt(-window.left) ==
            Approx(deficit).epsilon(1e-9).margin(1e-15));
      CHECK(objective.DeficitAt(std::min(window.right, 1 - mode)) ==
            Approx(std::min(deficit, objective.DeficitAt(1 - mode)))
                .epsilon(1e-9)
                .margin(1e-15));
      CHECK(window.length() == window.left + window.right);
    }
  }
}

TEST_CASE("A window never leaves the pass rates", "[unit]") {
  for (const Objective& objective : kWindowObjectives) {
    const Window all = WindowOf(objective, 1);
    CHECK(all.left == Approx(objective.mode()));
    CHECK(all.right == Approx(1 - objective.mode()));
    const Window none = WindowOf(objective, 0);
    CHECK(none.length() < 1e-15);
  }
}

TEST_CASE("A deficit is found for each length", "[unit]") {
  for (const Objective& objective : kWindowObjectives) {
    for (const double length : {1e-4, 0.02, 0.16, 0.5}) {
      const double deficit = DeficitOfLength(objective, length);
      CHECK(WindowOf(objective, deficit).length() ==
            Approx(length).epsilon(1e-9));
    }
  }
}

}  // namespace
}  // namespace vade::sampling
