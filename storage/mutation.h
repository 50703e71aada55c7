// Mutation: an ordered list of changes that a Store applies all together or
// not at all. A plain value; thread-compatible.
#ifndef VADE_STORAGE_MUTATION_H_
#define VADE_STORAGE_MUTATION_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace vade::storage {

struct Change {
  enum class Kind { kPut, kDelete, kDeleteRange };
  Kind kind;
  std::string key;
  // kPut: the value. kDeleteRange: the first key that stays. Else empty.
  std::string value;
};

class Mutation {
 public:
  void Put(std::string key, std::string value) {
    Add({Change::Kind::kPut, std::move(key), std::move(value)});
  }
  void Delete(std::string key) {
    Add({Change::Kind::kDelete, std::move(key), {}});
  }
  // Deletes every key in [begin, end), as of this point of the list.
  void DeleteRange(std::string begin, std::string end) {
    Add({Change::Kind::kDeleteRange, std::move(begin), std::move(end)});
  }

  bool empty() const { return changes_.empty(); }
  size_t size() const { return changes_.size(); }
  // Bytes of all keys and values.
  size_t bytes() const { return bytes_; }
  const std::vector<Change>& changes() const { return changes_; }

  void Clear() {
    changes_.clear();
    bytes_ = 0;
  }

 private:
  void Add(Change change) {
    bytes_ += change.key.size() + change.value.size();
    changes_.push_back(std::move(change));
  }

  std::vector<Change> changes_;
  size_t bytes_ = 0;
};

}  // namespace vade::storage

#endif  // VADE_STORAGE_MUTATION_H_
