// StoreCheck: `vade-server --check`. Plain function, thread-safe.
#ifndef VADE_SERVER_STORE_CHECK_H_
#define VADE_SERVER_STORE_CHECK_H_

#include <ostream>

#include "absl/status/status.h"
#include "server/sampling/clock.h"
#include "storage/store.h"

namespace vade::server {

// Loads all that a server loads from `store`, checks all invariants, and writes
// a line for each run to `out`. The first error: one of loading, or INTERNAL
// naming run and invariant. Changes nothing in the store.
absl::Status CheckStore(storage::Store& store, const sampling::Clock& clock,
                        std::ostream& out);

}  // namespace vade::server

#endif  // VADE_SERVER_STORE_CHECK_H_
