#include "tests/storage/store_conformance.h"

#include <atomic>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/catch.h"

namespace vade::storage {
namespace {

using Records = std::vector<std::pair<std::string, std::string>>;

// Above every key the suite uses.
const std::string kEnd(16, '\xff');

Records ScanAll(const Store& store, const std::string& begin,
                const std::string& end) {
  Records records;
  const std::unique_ptr<Cursor> cursor = store.Scan(begin, end);
  for (; cursor->Valid(); cursor->Next()) {
    records.emplace_back(cursor->key(), cursor->value());
  }
  CHECK(cursor->status().ok());
  return records;
}

Records ScanAll(const Store& store) {
  return ScanAll(store, std::string(1, '\x01'), kEnd);
}

std::optional<std::string> Value(const Store& store, const std::string& key) {
  auto value = store.Get(key);
  REQUIRE(value.ok());
  return *std::move(value);
}

void Put(Store& store, const std::string& key, const std::string& value) {
  Mutation mutation;
  mutation.Put(key, value);
  REQUIRE(store.Write(mutation).ok());
}

TEST_CASE("A new store is empty", "[unit]") {
  const auto test = MakeStoreUnderTest();
  const Store& store = test->Reopen();
  CHECK(ScanAll(store).empty());
  CHECK(Value(store, "k") == std::nullopt);
}

TEST_CASE("An empty mutation changes nothing and succeeds", "[unit]") {
  const auto test = MakeStoreUnderTest();
  Store& store = test->Reopen();
  CHECK(store.Write(Mutation()).ok());
  CHECK(ScanAll(store).empty());
}

TEST_CASE("What was put is read back, the newest value of a key", "[unit]") {
  const auto test = MakeStoreUnderTest();
  Store& store = test->Reopen();
  Put(store, "a", "1");
  Put(store, "b", "2");
  Put(store, "a", "3");
  CHECK(Value(store, "a") == "3");
  CHECK(Value(store, "b") == "2");
  CHECK(Value(store, "c") == std::nullopt);
  CHECK(ScanAll(store) == Records{{"a", "3"}, {"b", "2"}});
}

TEST_CASE("The changes of a mutation apply in their order", "[unit]") {
  const auto test = MakeStoreUnderTest();
  Store& store = test->Reopen();
  Put(store, "d", "old");
  Mutation mutation;
  mutation.Put("a", "1");
  mutation.Delete("a");
  mutation.Put("b", "1");
  mutation.Put("b", "2");
  mutation.Delete("c");
  mutation.Put("c", "1");
  mutation.DeleteRange("b", "e");
  mutation.Put("c", "after the range");
  REQUIRE(store.Write(mutation).ok());
  CHECK(ScanAll(store) == Records{{"c", "after the range"}});
}

TEST_CASE("An empty value is a value, and not an absent one", "[unit]") {
  const auto test = MakeStoreUnderTest();
  Store& store = test->Reopen();
  Put(store, "a", "");
  CHECK(Value(store, "a") == "");
  CHECK(ScanAll(store) == Records{{"a", ""}});
  const auto values = store.MultiGet({"a", "b"});
  REQUIRE(values.ok());
  CHECK((*values)[0] == "");
  CHECK((*values)[1] == std::nullopt);
}

TEST_CASE("Keys and values hold any byte", "[unit]") {
  const auto test = MakeStoreUnderTest();
  Store& store = test->Reopen();
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  const std::string key = "k" + bytes;
  Put(store, key, bytes);
  CHECK(Value(store, key) == bytes);
  CHECK(Value(test->Reopen(), key) == bytes);
}

TEST_CASE("A value of 1 MiB is kept", "[unit]") {
  const auto test = MakeStoreUnderTest();
  Store& store = test->Reopen();
  std::mt19937_64 random(7);
  std::string big(size_t{1} << 20, '\0');
  for (char& byte : big) byte = static_cast<char>(random());
  Put(store, "big", big);
  CHECK((Value(store, "big") == big));
  CHECK((Value(test->Reopen(), "big") == big));
}

TEST_CASE("Keys are ordered as unsigned bytes", "[unit]") {
  const auto test = MakeStoreUnderTest();
  Store& store = test->Reopen();
  const std::vector<std::string> ordered = {
      "\x01",     std::string("\x01\x00", 2),
      "\x01\x01", "\x7f",
      "\x80",     "\x80\x7f",
      "\x80\xff", "\xff"};
  for (size_t i = ordered.size(); i-- > 0;) Put(store, ordered[i], "");
  const Records records = ScanAll(store);
  REQUIRE(records.size() == ordered.size());
  for (size_t i = 0; i < ordered.size(); ++i) {
    CHECK(records[i].first == ordered[i]);
  }
}

TEST_CASE("A scan has its begin and has not its end", "[unit]") {
  const auto test = MakeStoreUnderTest();
  Store& store = test->Reopen();
  for (const char* key : {"a", "b", "c", "d"}) Put(store, key, key);
  CHECK(ScanAll(store, "b", "d") == Records{{"b", "b"}, {"c", "c"}});
  CHECK(ScanAll(store, "aa", "cc") == Records{{"b", "b"}, {"c", "c"}});
  CHECK(ScanAll(store, "b", "b").empty());
  CHECK(ScanAll(store, "c", "b").empty());
  CHECK(ScanAll(store, "x", "z").empty());
}

TEST_CASE("A range deletion has its begin and has not its end", "[unit]") {
  const auto test = MakeStoreUnderTest();
  Store& store = test->Reopen();
  for (const char* key : {"a", "b", "c", "d"}) Put(store, key, key);
  Mutation mutation;
  mutation.DeleteRange("b", "d");
  mutation.DeleteRange("d", "d");
  mutation.DeleteRange("z", "a");
  REQUIRE(store.Write(mutation).ok());
  CHECK(ScanAll(store) == Records{{"a", "a"}, {"d", "d"}});
  CHECK(Value(store, "b") == std::nullopt);
  Put(store, "b", "again");
  CHECK(ScanAll(test->Reopen()) ==
        Records{{"a", "a"}, {"b", "again"}, {"d", "d"}});
}

TEST_CASE("MultiGet answers in the order of its keys", "[unit]") {
  const auto test = MakeStoreUnderTest();
  Store& store = test->Reopen();
  Put(store, "a", "1");
  Put(store, "b", "2");
  const auto values = store.MultiGet({"b", "x", "a", "b"});
  REQUIRE(values.ok());
  CHECK(*values ==
        std::vector<std::optional<std::string>>{"2", std::nullopt, "1", "2"});
  const auto none = store.MultiGet({});
  REQUIRE(none.ok());
  CHECK(none->empty());
}

TEST_CASE("A cursor sees the store as it was when the scan began", "[unit]") {
  const auto test = MakeStoreUnderTest();
  Store& store = test->Reopen();
  for (const char* key : {"a", "b", "c"}) Put(store, key, "old");
  const std::unique_ptr<Cursor> cursor = store.Scan("a", "z");
  REQUIRE(cursor->Valid());
  Mutation mutation;
  mutation.Put("b", "new");
  mutation.Put("bb", "new");
  mutation.Delete("c");
  REQUIRE(store.Write(mutation).ok());
  Records seen;
  for (; cursor->Valid(); cursor->Next()) {
    seen.emplace_back(cursor->key(), cursor->value());
  }
  CHECK(cursor->status().ok());
  CHECK(seen == Records{{"a", "old"}, {"b", "old"}, {"c", "old"}});
}

TEST_CASE("What was written is there after a reopen", "[unit]") {
  const auto test = MakeStoreUnderTest();
  Put(test->Reopen(), "a", "1");
  CHECK(Value(test->Reopen(), "a") == "1");
  Store& store = test->Reopen();
  Mutation mutation;
  mutation.Delete("a");
  mutation.Put("b", "2");
  REQUIRE(store.Write(mutation).ok());
  CHECK(ScanAll(test->Reopen()) == Records{{"b", "2"}});
}

TEST_CASE("Writes of many threads are all applied", "[unit]") {
  constexpr int kThreads = 4;
  constexpr int kWrites = 50;
  const auto test = MakeStoreUnderTest();
  Store& store = test->Reopen();
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&store, &failures, thread] {
      for (int i = 0; i < kWrites; ++i) {
        Mutation mutation;
        mutation.Put(absl::StrCat("k", thread, "-", i), absl::StrCat(i));
        if (!store.Write(mutation).ok()) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(failures == 0);
  CHECK(ScanAll(store).size() == kThreads * kWrites);
  CHECK(ScanAll(test->Reopen()).size() == kThreads * kWrites);
}

TEST_CASE("Readers see all of a mutation or nothing of it", "[unit]") {
  const std::vector<std::string> keys = {"a", "m", "z"};
  const auto test = MakeStoreUnderTest();
  Store& store = test->Reopen();
  for (const std::string& key : keys) Put(store, key, "0");
  std::atomic<bool> done{false};
  std::atomic<int> failures{0};
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&] {
      do {
        const auto values = store.MultiGet(keys);
        if (!values.ok() || (*values)[0] != (*values)[1] ||
            (*values)[0] != (*values)[2]) {
          ++failures;
        }
        std::string first;
        int count = 0;
        for (const auto cursor = store.Scan("a", kEnd); cursor->Valid();
             cursor->Next(), ++count) {
          if (count == 0) first = cursor->value();
          if (cursor->value() != first) ++failures;
        }
        if (count != 3) ++failures;
      } while (!done);
    });
  }
  for (int i = 1; i <= 200; ++i) {
    Mutation mutation;
    for (const std::string& key : keys) mutation.Put(key, absl::StrCat(i));
    if (!store.Write(mutation).ok()) ++failures;
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  CHECK(failures == 0);
}

// The slow and obvious store.
using Model = std::map<std::string, std::string>;

void ApplyTo(Model& model, const Mutation& mutation) {
  for (const Change& change : mutation.changes()) {
    switch (change.kind) {
      case Change::Kind::kPut:
        model[change.key] = change.value;
        break;
      case Change::Kind::kDelete:
        model.erase(change.key);
        break;
      case Change::Kind::kDeleteRange:
        if (change.key < change.value) {
          model.erase(model.lower_bound(change.key),
                      model.lower_bound(change.value));
        }
        break;
    }
  }
}

std::string RandomKey(std::mt19937_64& random) {
  // Few bytes, the ends of the range among them, so that keys meet.
  constexpr char kBytes[] = {'\x01', '\x7f', '\x80', '\xff'};
  std::string key;
  do {
    key += kBytes[random() % std::size(kBytes)];
  } while (random() % 4 != 0 && key.size() < 5);
  return key;
}

Mutation RandomMutation(std::mt19937_64& random) {
  Mutation mutation;
  const uint64_t changes = 1 + random() % 8;
  for (uint64_t i = 0; i < changes; ++i) {
    const uint64_t kind = random() % 10;
    if (kind < 6) {
      mutation.Put(RandomKey(random), std::string(random() % 50, 'v'));
    } else if (kind < 9) {
      mutation.Delete(RandomKey(random));
    } else {
      mutation.DeleteRange(RandomKey(random), RandomKey(random));
    }
  }
  return mutation;
}

TEST_CASE("Any history leaves what a plain map would hold", "[unit]") {
  const uint64_t seed = GENERATE(1, 2, 3);
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const auto test = MakeStoreUnderTest();
  Store* store = &test->Reopen();
  Model model;
  for (int step = 0; step < 150; ++step) {
    CAPTURE(step);
    const Mutation mutation = RandomMutation(random);
    REQUIRE(store->Write(mutation).ok());
    ApplyTo(model, mutation);
    if (step % 50 == 49) store = &test->Reopen();
    if (step % 10 != 0) continue;
    REQUIRE((ScanAll(*store) == Records(model.begin(), model.end())));
    const std::string key = RandomKey(random);
    const auto found = model.find(key);
    REQUIRE(
        Value(*store, key) ==
        (found == model.end() ? std::nullopt : std::optional(found->second)));
  }
}

}  // namespace
}  // namespace vade::storage
