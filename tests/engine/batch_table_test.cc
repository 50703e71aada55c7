#include "server/sampling/batch_table.h"

#include <string>

#include "tests/catch.h"

namespace vade::sampling {
namespace {

Batch MakeBatch(uint64_t sequence, int64_t expire_time_us,
                const std::string& request_id = "", size_t deals = 2) {
  storage::BatchRecord record;
  record.sequence = sequence;
  record.request_id = request_id;
  record.entries.resize(deals);
  record.lease_expire_time_us = expire_time_us;
  return Batch(record);
}

TEST_CASE("A batch id is read back as it was written and in no other form",
          "[unit]") {
  const auto id = ParseBatchId(FormatBatchId(7, 18446744073709551615u));
  REQUIRE(id.has_value());
  CHECK(id->epoch == 7);
  CHECK(id->sequence == 18446744073709551615u);
  for (const char* text :
       {"", "-", "7", "7-", "-7", "7-01", "07-1", "7-1-1", "7-x", " 7-1",
        "7-1 ", "+7-1", "7--1", "7-18446744073709551616"}) {
    INFO(text);
    CHECK_FALSE(ParseBatchId(text).has_value());
  }
}

TEST_CASE("Batches are found by sequence and by request id", "[unit]") {
  BatchTable table;
  table.Add(MakeBatch(1, 50, "a"));
  table.Add(MakeBatch(2, 40, "", 3));
  CHECK(table.Find(0) == nullptr);
  CHECK(table.Find(1)->sequence() == 1);
  CHECK(table.Find(3) == nullptr);
  CHECK(table.FindRequest("a")->sequence() == 1);
  CHECK(table.FindRequest("b") == nullptr);
  CHECK(table.FindRequest("") == nullptr);
  CHECK(table.deals() == 5);
  CHECK(table.end_sequence() == 3);
}

TEST_CASE("Leases end in order of their times, as renewed", "[unit]") {
  BatchTable table;
  table.Add(MakeBatch(1, 50));
  table.Add(MakeBatch(2, 40));
  table.Add(MakeBatch(3, 40));
  CHECK(table.NextExpireTimeUs() == 40);
  CHECK(table.NextExpired(39) == nullptr);
  CHECK(table.NextExpired(40)->sequence() == 2);
  table.SetExpireTime(*table.Find(2), 60);
  CHECK(table.NextExpired(100)->sequence() == 3);
  table.End(*table.Find(3), storage::BatchState::kCompleted, 41);
  CHECK(table.NextExpired(100)->sequence() == 1);
  CHECK(table.in_flight() == 2);
  table.End(*table.Find(1), storage::BatchState::kExpired, 50);
  table.End(*table.Find(2), storage::BatchState::kReleased, 60);
  CHECK(table.NextExpired(1000) == nullptr);
  CHECK(table.NextExpireTimeUs() == std::nullopt);
}

TEST_CASE("The oldest batch is forgotten with its request id and deals",
          "[unit]") {
  BatchTable table;
  CHECK(table.oldest() == nullptr);
  table.StartAt(9);
  table.Add(MakeBatch(9, 1, "a"));
  table.Add(MakeBatch(10, 2, "b", 4));
  table.ForgetOldest();
  CHECK(table.Find(9) == nullptr);
  CHECK(table.FindRequest("a") == nullptr);
  CHECK(table.FindRequest("b")->sequence() == 10);
  CHECK(table.oldest_sequence() == 10);
  CHECK(table.oldest()->sequence() == 10);
  CHECK(table.deals() == 4);
  CHECK(table.size() == 1);
}

}  // namespace
}  // namespace vade::sampling
