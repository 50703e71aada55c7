#include "server/sampling/settings.h"

#include <limits>
#include <string>
#include <vector>

#include "server/sampling/limits.h"
#include "tests/catch.h"
#include "tests/engine/run_fixture.h"

namespace vade::sampling {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

storage::RunSettings Resolved(const SettingsSpec& spec) {
  const auto settings = ResolveSettings(spec, 42);
  INFO(settings.status().ToString());
  REQUIRE(settings.ok());
  return *settings;
}

// The field that ResolveSettings refuses.
std::string RefusedField(const SettingsSpec& spec) {
  const auto settings = ResolveSettings(spec, 42);
  if (settings.ok()) return "(none)";
  CHECK(absl::IsInvalidArgument(settings.status()));
  CHECK(ReasonOf(settings) == "INVALID_FIELD");
  CHECK(MetadataOf(settings.status(), "rule") != "(none)");
  return MetadataOf(settings.status(), "field");
}

TEST_CASE("A run that sets nothing gets the documented defaults", "[unit]") {
  const storage::RunSettings s = Resolved({});
  CHECK(s.policy == "vade");
  CHECK(s.seed == 42);
  CHECK(s.group_size == 8);
  CHECK(s.selected_decay == 0.2);
  CHECK(s.unselected_decay == 0.999);
  CHECK(s.cooldown == 0);
  CHECK(s.reference_batch_size == 0);
  CHECK(s.reward_rule == storage::RewardRule());
  CHECK(s.starting_alpha == 0);
  CHECK(s.starting_beta == 0);
  CHECK(s.lease_ttl_us == absl::ToInt64Microseconds(absl::Minutes(30)));
  CHECK(s.retained_deals == 262144);
  CHECK(s.retention_age_us == absl::ToInt64Microseconds(absl::Hours(168)));
}

TEST_CASE("Each policy brings the decays it was published with", "[unit]") {
  struct Case {
    const char* policy;
    double selected_decay;
    double unselected_decay;
  };
  for (const Case& c : std::vector<Case>{{"vade", 0.2, 0.999},
                                         {"vade-variance", 0.2, 0.999},
                                         {"greedy", 0.2, 0.999},
                                         {"last-update", 0, 0.999},
                                         {"uniform", 0.2, 0.999},
                                         {"mopps", 0.5, 1}}) {
    INFO(c.policy);
    SettingsSpec spec;
    spec.policy = c.policy;
    const storage::RunSettings s = Resolved(spec);
    CHECK(s.policy == c.policy);
    CHECK(s.selected_decay == c.selected_decay);
    CHECK(s.unselected_decay == c.unselected_decay);
    CHECK(s.target_pass_rate == 0.5);
  }
}

TEST_CASE("What a run sets replaces its policy's defaults", "[unit]") {
  SettingsSpec spec;
  spec.policy = "last-update";
  spec.seed = 7;
  spec.selected_decay = 0.3;
  spec.unselected_decay = 1.0;
  spec.target_pass_rate = 0.25;
  spec.starting_evidence = EvidenceOf(0.75, 8);
  const storage::RunSettings s = Resolved(spec);
  CHECK(s.seed == 7);
  CHECK(s.selected_decay == 0.3);
  CHECK(s.unselected_decay == 1);
  CHECK(s.target_pass_rate == 0.25);
  CHECK(s.starting_alpha == 6);
  CHECK(s.starting_beta == 2);
}

TEST_CASE("A policy that does not exist is refused by name", "[unit]") {
  SettingsSpec spec;
  spec.policy = "best";
  CHECK(RefusedField(spec) == "policy");
}

TEST_CASE("Decays outside their range are refused", "[unit]") {
  for (const double bad : {-0.1, 1.1, kNan, kInfinity}) {
    SettingsSpec spec;
    spec.selected_decay = bad;
    CHECK(RefusedField(spec) == "selected_decay");
    spec.selected_decay = 0.2;
    spec.unselected_decay = bad;
    CHECK(RefusedField(spec) == "unselected_decay");
  }
  SettingsSpec spec;
  spec.unselected_decay = 0.0;  // would forget all in one step
  CHECK(RefusedField(spec) == "unselected_decay");
  spec.unselected_decay = 1.0;
  spec.selected_decay = 0.0;
  CHECK(RefusedField(spec) == "(none)");
  spec.selected_decay = 1.0;
  CHECK(RefusedField(spec) == "(none)");
}

TEST_CASE("Every number outside its range is refused, and both ends taken",
          "[unit]") {
  struct Case {
    const char* field;
    void (*set)(SettingsSpec&, double);
    double low;
    double high;
    double below;
    double above;
  };
  const Case cases[] = {
      {"group_size",
       [](SettingsSpec& s, double v) {
         s.group_size = static_cast<uint32_t>(v);
       },
       1, 1024, 0, 1025},
      {"reference_batch_size",
       [](SettingsSpec& s, double v) {
         s.reference_batch_size = static_cast<uint32_t>(v);
       },
       0, 65536, 65537, 65537},
      {"cooldown", [](SettingsSpec& s, double v) { s.cooldown = v; }, 0, 1e9,
       -0.5, 1.1e9},
      {"target_pass_rate",
       [](SettingsSpec& s, double v) { s.target_pass_rate = v; }, 0, 1, -0.1,
       1.1},
      {"retained_deals",
       [](SettingsSpec& s, double v) {
         s.retained_deals = static_cast<uint64_t>(v);
       },
       1, 16777216, 0, 16777217},
      {"lease_ttl",
       [](SettingsSpec& s, double v) { s.lease_ttl = absl::Seconds(v); }, 1,
       604800, 0.5, 604801},
      {"retention_age",
       [](SettingsSpec& s, double v) { s.retention_age = absl::Seconds(v); },
       60, 31536000, 59, 31536001},
  };
  for (const Case& c : cases) {
    INFO(c.field);
    for (const double good : {c.low, c.high}) {
      SettingsSpec spec;
      c.set(spec, good);
      CHECK(RefusedField(spec) == "(none)");
    }
    for (const double bad : {c.below, c.above}) {
      SettingsSpec spec;
      c.set(spec, bad);
      CHECK(RefusedField(spec) == c.field);
    }
  }
  SettingsSpec spec;
  spec.cooldown = kNan;
  CHECK(RefusedField(spec) == "cooldown");
}

TEST_CASE("A lease that does not fit into microseconds is refused", "[unit]") {
  SettingsSpec spec;
  spec.lease_ttl = absl::InfiniteDuration();
  CHECK(RefusedField(spec) == "lease_ttl");
  spec.lease_ttl = -absl::InfiniteDuration();
  CHECK(RefusedField(spec) == "lease_ttl");
}

TEST_CASE("Starting evidence outside its range is refused", "[unit]") {
  for (const Evidence bad :
       {Evidence{-1, 2}, Evidence{2, -1}, Evidence{1e6, 1e6}, Evidence{kNan, 1},
        Evidence{1, kInfinity}}) {
    SettingsSpec spec;
    spec.starting_evidence = bad;
    CHECK(RefusedField(spec) == "starting_evidence");
  }
  for (const Evidence good :
       {Evidence{0, 0}, EvidenceOf(0.1, 1e6), EvidenceOf(1.0 / 3, 1e6)}) {
    SettingsSpec spec;
    spec.starting_evidence = good;
    CHECK(RefusedField(spec) == "(none)");
  }
}

TEST_CASE("A change of settings changes what it names and nothing else",
          "[unit]") {
  const storage::RunSettings before = Resolved({});
  RunChange change;
  change.group_size = 16;
  change.cooldown = 3;
  const auto after = ApplyChange(before, change);
  REQUIRE(after.ok());
  storage::RunSettings expected = before;
  expected.group_size = 16;
  expected.cooldown = 3;
  CHECK(*after == expected);
  change.retained_deals = 0;
  CHECK(ReasonOf(ApplyChange(before, change)) == "INVALID_FIELD");
}

TEST_CASE("A run id is 1 to 63 of the allowed characters", "[unit]") {
  for (const std::string& good :
       {std::string("a"), std::string("0"), std::string("a.b_c-d9"),
        std::string(63, 'x')}) {
    INFO(good);
    CHECK(ValidateRunId(good).ok());
  }
  for (const std::string& bad :
       {std::string(), std::string("-a"), std::string(".a"), std::string("_"),
        std::string("A"), std::string("a/b"), std::string("a b"),
        std::string("\xc3\xa9"), std::string("a\0b", 3),
        std::string(64, 'x')}) {
    INFO(bad);
    CHECK(ReasonOf(ValidateRunId(bad)) == "INVALID_FIELD");
  }
}

}  // namespace
}  // namespace vade::sampling
