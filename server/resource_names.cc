#include "server/resource_names.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/field_checks.h"
#include "server/sampling/settings.h"

namespace vade::server {
namespace {

struct ChildName {
  std::string run_id;
  absl::string_view child_id;
};

// Splits "runs/{run}/{collection}/{child}".
absl::StatusOr<ChildName> ParseChildName(const FieldPath& field,
                                         absl::string_view name,
                                         absl::string_view collection) {
  const absl::Status refused =
      Refuse(field, Quoted(name),
             absl::StrCat("must be of the form runs/{run}", collection, "..."));
  absl::string_view rest = name;
  if (!absl::ConsumePrefix(&rest, "runs/")) return refused;
  const size_t slash = rest.find('/');
  if (slash == absl::string_view::npos) return refused;
  const std::string run_id(rest.substr(0, slash));
  rest.remove_prefix(slash);
  if (!absl::ConsumePrefix(&rest, collection)) return refused;
  if (!sampling::ValidateRunId(run_id).ok()) return refused;
  return ChildName{run_id, rest};
}

}  // namespace

absl::StatusOr<std::string> ParseRunName(const FieldPath& field,
                                         absl::string_view name) {
  absl::string_view rest = name;
  const bool prefixed = absl::ConsumePrefix(&rest, "runs/");
  std::string run_id(rest);
  if (!prefixed || !sampling::ValidateRunId(run_id).ok()) {
    return Refuse(field, Quoted(name),
                  "must be runs/{run}, {run} being 1 to 63 of [a-z0-9._-], the "
                  "first of them [a-z0-9]");
  }
  return run_id;
}

absl::StatusOr<PromptName> ParsePromptName(const FieldPath& field,
                                           absl::string_view name) {
  absl::StatusOr<ChildName> parts = ParseChildName(field, name, "/prompts/");
  if (!parts.ok()) return parts.status();
  const absl::Status status = CheckPromptId(field, parts->child_id);
  if (!status.ok()) return status;
  return PromptName{std::move(parts->run_id), std::string(parts->child_id)};
}

absl::StatusOr<BatchName> ParseBatchName(const FieldPath& field,
                                         absl::string_view name) {
  absl::StatusOr<ChildName> parts = ParseChildName(field, name, "/batches/");
  if (!parts.ok()) return parts.status();
  const absl::Status status = CheckBatchId(field, parts->child_id);
  if (!status.ok()) return status;
  return BatchName{std::move(parts->run_id), std::string(parts->child_id)};
}

std::string RunName(absl::string_view run_id) {
  return absl::StrCat("runs/", run_id);
}

std::string BatchNameOf(absl::string_view run_id, absl::string_view batch_id) {
  return absl::StrCat("runs/", run_id, "/batches/", batch_id);
}

}  // namespace vade::server
