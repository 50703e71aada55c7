#include "server/sampling/forgotten_batches.h"

#include <vector>

#include "tests/catch.h"

namespace vade::sampling {
namespace {

using Numbers = std::vector<uint64_t>;

TEST_CASE("A record of states is due when half of them are out of date",
          "[unit]") {
  ForgottenBatches forgotten;
  forgotten.Add(7, {1, 2, 3, 4, 5});
  CHECK(forgotten.TakeChanged() == Numbers{7});
  CHECK(forgotten.TakeChanged().empty());
  for (int i = 0; i < 2; ++i) {
    forgotten.Leave(7);
    forgotten.Renew(9);
    CHECK(forgotten.TakeChanged().empty());
  }
  forgotten.Leave(7);
  forgotten.Leave(7);
  CHECK(forgotten.all().at(7).newest == 1);
  forgotten.Renew(9);
  CHECK(forgotten.TakeChanged() == Numbers{7});
  // Written, and so not due again.
  forgotten.Set(7, {4});
  forgotten.Renew(9);
  CHECK(forgotten.TakeChanged().empty());
  forgotten.Leave(7);
  forgotten.Renew(9);
  CHECK(forgotten.TakeChanged() == Numbers{7});
  forgotten.Set(7, {});
  CHECK(forgotten.all().empty());
}

TEST_CASE("What is due is written a few records at a time", "[unit]") {
  ForgottenBatches forgotten;
  for (const uint64_t sequence : {3, 1, 2}) {
    forgotten.Load(sequence, {10, 11});
  }
  forgotten.Count([](uint64_t, const auto&) { return 1; });
  forgotten.Renew(2);
  CHECK(forgotten.TakeChanged() == Numbers{1, 2});
  forgotten.Renew(2);
  CHECK(forgotten.TakeChanged() == Numbers{3});
}

TEST_CASE("A batch without a record of states loses none", "[unit]") {
  ForgottenBatches forgotten;
  forgotten.Leave(0);
  forgotten.Leave(5);
  CHECK(forgotten.all().empty());
}

}  // namespace
}  // namespace vade::sampling
