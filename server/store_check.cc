#include "server/store_check.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/sampling/limits.h"
#include "server/sampling/run.h"
#include "storage/encoding.h"
#include "storage/keys.h"

namespace vade::server {

namespace {

absl::Status CheckRegistry(const storage::Store& store) {
  const std::string key = storage::RegistryKey();
  const absl::StatusOr<std::optional<std::string>> value = store.Get(key);
  if (!value.ok() || !value->has_value()) return value.status();
  return storage::DecodeRegistry(key, **value).status();
}

}  // namespace

absl::Status CheckStore(storage::Store& store, const sampling::Clock& clock,
                        std::ostream& out) {
  if (absl::Status s = CheckRegistry(store); !s.ok()) return s;
  storage::KeyRange range = storage::TableRange(storage::Table::kRun);
  const std::unique_ptr<storage::Cursor> cursor =
      store.Scan(std::move(range.begin), std::move(range.end));
  for (; cursor->Valid(); cursor->Next()) {
    absl::StatusOr<storage::RunRecord> record =
        storage::DecodeRun(cursor->key(), cursor->value());
    if (!record.ok()) return record.status();
    const std::string run_id = record->id;
    absl::StatusOr<std::unique_ptr<sampling::Run>> run =
        sampling::Run::Load(*std::move(record), store, clock.Now());
    if (!run.ok()) return run.status();
    const absl::Status status = (*run)->CheckInvariants();
    if (!status.ok()) {
      return absl::Status(status.code(),
                          absl::StrCat("run ", run_id, ": ", status.message()));
    }
    const sampling::RunInfo info = (*run)->Info();
    out << "run " << run_id << ": " << info.prompts << " prompts, "
        << info.batches << " batches, sound\n";
  }
  return cursor->status();
}

}  // namespace vade::server
