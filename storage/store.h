// Store: the seam between the sampler and the engine that keeps its bytes: an
// ordered, atomic, durable map from byte strings to byte strings, with
// snapshots of its own. Nothing above this header knows which engine it is.
//
// Keys are ordered as unsigned bytes. All implementations are thread-safe and
// must pass tests/storage/store_conformance.h.
#ifndef VADE_STORAGE_STORE_H_
#define VADE_STORAGE_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/mutation.h"

namespace vade::storage {

// Walks keys in ascending order over one frozen view of the store.
// Thread-compatible. Must not outlive its Store.
class Cursor {
 public:
  virtual ~Cursor() = default;

  // Whether the cursor stands on a record. False at the end and on an error.
  virtual bool Valid() const = 0;
  virtual void Next() = 0;
  // The views hold until the next call of Next().
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
  // OK at a clean end; DATA_LOSS if the store found corruption; UNAVAILABLE on
  // an I/O error. Ask once Valid() is false.
  virtual absl::Status status() const = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  // Applies all of `mutation`, in order, or nothing of it. Once it returns OK
  // the change survives as the engine's sync mode promises. On failure
  // (UNAVAILABLE: I/O error or disk full) nothing is applied as far as readers
  // of this process can see, the store refuses every later Write with the
  // first error until it is reopened, and reads go on. After a reopen the
  // failed mutation is wholly there or wholly absent.
  virtual absl::Status Write(const Mutation& mutation) = 0;

  // Whether Write waits for a disk or a network, so that a thread which has
  // other calls to serve should not make it. The same for good.
  virtual bool WritesWait() const { return true; }

  // The value of `key`, nullopt if there is none. DATA_LOSS, UNAVAILABLE as
  // Cursor::status().
  virtual absl::StatusOr<std::optional<std::string>> Get(
      std::string_view key) const = 0;

  // The values of `keys` in their order, all read from one view; nullopt where
  // there is none. Errors as Get.
  virtual absl::StatusOr<std::vector<std::optional<std::string>>> MultiGet(
      const std::vector<std::string>& keys) const = 0;

  // A cursor on the first key >= `begin`, over the keys < `end`, on a view of
  // the store frozen now.
  virtual std::unique_ptr<Cursor> Scan(std::string begin,
                                       std::string end) const = 0;

  // Bytes on disk, approximate; 0 if the engine cannot say.
  virtual uint64_t ApproximateBytes() const = 0;
};

}  // namespace vade::storage

#endif  // VADE_STORAGE_STORE_H_
