#include "server/field_checks.h"

#include <algorithm>
#include <boost/locale/utf.hpp>
#include <cmath>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/sampling/error.h"
#include "server/sampling/limits.h"
#include "server/sampling/settings.h"

namespace vade::server {
namespace {

constexpr size_t kMaxShownBytes = 64;
constexpr size_t kMaxBatchIdBytes = 64;

enum class TextFault { kNone, kNotUtf8, kControl };

// C0, DEL and C1.
bool IsControl(uint32_t code_point) {
  return code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0);
}

TextFault FindFault(absl::string_view value) {
  namespace utf = boost::locale::utf;
  const char* at = value.data();
  const char* const end = at + value.size();
  while (at != end) {
    const utf::code_point point = utf::utf_traits<char>::decode(at, end);
    if (point == utf::illegal || point == utf::incomplete) {
      return TextFault::kNotUtf8;
    }
    if (IsControl(point)) return TextFault::kControl;
  }
  return TextFault::kNone;
}

bool IsLabelKey(absl::string_view key) {
  return !key.empty() && key.size() <= sampling::kMaxLabelKeyBytes &&
         std::all_of(key.begin(), key.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '.' || c == '-';
         });
}

absl::Status CheckLabelKey(const FieldPath& field, absl::string_view key) {
  if (IsLabelKey(key)) return absl::OkStatus();
  return Refuse(
      field, Quoted(key),
      absl::StrCat("a label key has 1 to ", sampling::kMaxLabelKeyBytes,
                   " bytes of [a-z0-9_.-]"));
}

absl::Status CheckLabelValue(const FieldPath& field, absl::string_view value) {
  if (value.size() > sampling::kMaxLabelValueBytes) {
    return Refuse(field, absl::StrCat(value.size(), " bytes"),
                  absl::StrCat("a label value has at most ",
                               sampling::kMaxLabelValueBytes, " bytes"));
  }
  if (FindFault(value) == TextFault::kNotUtf8) {
    return Refuse(field, Quoted(value), "must be UTF-8");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Refuse(const FieldPath& field, absl::string_view shown_value,
                    absl::string_view rule) {
  return sampling::InvalidField(field.ToString(), shown_value, rule);
}

std::string Quoted(absl::string_view value) {
  const bool cut = value.size() > kMaxShownBytes;
  return absl::StrCat("'", absl::CHexEscape(value.substr(0, kMaxShownBytes)),
                      cut ? "...'" : "'");
}

absl::Status CheckText(const FieldPath& field, absl::string_view value,
                       size_t max_bytes) {
  if (value.size() > max_bytes) {
    return Refuse(field, absl::StrCat(value.size(), " bytes"),
                  absl::StrCat("has at most ", max_bytes, " bytes"));
  }
  switch (FindFault(value)) {
    case TextFault::kNone:
      break;
    case TextFault::kNotUtf8:
      return Refuse(field, Quoted(value), "must be UTF-8");
    case TextFault::kControl:
      return Refuse(field, Quoted(value), "must not have control characters");
  }
  return absl::OkStatus();
}

absl::Status CheckPromptId(const FieldPath& field, absl::string_view id) {
  if (id.empty()) {
    return Refuse(field, "''",
                  absl::StrCat("a prompt id has 1 to ",
                               sampling::kMaxPromptIdBytes, " bytes"));
  }
  return CheckText(field, id, sampling::kMaxPromptIdBytes);
}

absl::Status CheckBatchId(const FieldPath& field, absl::string_view id) {
  if (id.empty() || id.size() > kMaxBatchIdBytes ||
      id.find('/') != absl::string_view::npos ||
      FindFault(id) != TextFault::kNone) {
    return Refuse(field, Quoted(id),
                  "must be a batch id as SampleBatch returned it");
  }
  return absl::OkStatus();
}

absl::Status CheckRange(const FieldPath& field, double value, double min,
                        double max) {
  // Written so that NaN fails.
  if (value >= min && value <= max) return absl::OkStatus();
  return Refuse(field, absl::StrCat(value),
                absl::StrCat("must be in [", min, ", ", max, "]"));
}

absl::Status CheckCount(const FieldPath& field, uint64_t value, uint64_t min,
                        uint64_t max) {
  if (value >= min && value <= max) return absl::OkStatus();
  return Refuse(field, absl::StrCat(value),
                absl::StrCat("must be ", min, " to ", max));
}

absl::StatusOr<absl::Duration> ParseDuration(
    const FieldPath& field, const google::protobuf::Duration& value,
    absl::Duration min, absl::Duration max) {
  const bool mixed_signs = (value.seconds() > 0 && value.nanos() < 0) ||
                           (value.seconds() < 0 && value.nanos() > 0);
  if (mixed_signs || std::abs(int64_t{value.nanos()}) > 999'999'999) {
    return Refuse(field,
                  absl::StrCat(value.seconds(), " s ", value.nanos(), " ns"),
                  "must be a normalised duration");
  }
  const absl::Duration duration =
      absl::Seconds(value.seconds()) + absl::Nanoseconds(value.nanos());
  if (duration < min || duration > max) {
    return Refuse(field, absl::FormatDuration(duration),
                  absl::StrCat("must be ", absl::FormatDuration(min), " to ",
                               absl::FormatDuration(max)));
  }
  return duration;
}

absl::StatusOr<size_t> ParsePageSize(int32_t page_size) {
  if (page_size == 0) return sampling::kDefaultPageSize;
  if (page_size < 0 ||
      static_cast<size_t>(page_size) > sampling::kMaxPageSize) {
    return Refuse("page_size", absl::StrCat(page_size),
                  absl::StrCat("must be 0 to ", sampling::kMaxPageSize));
  }
  return static_cast<size_t>(page_size);
}

absl::StatusOr<sampling::Labels> ParseLabels(
    const FieldPath& field,
    const google::protobuf::Map<std::string, std::string>& labels) {
  if (labels.size() > sampling::kMaxLabelsPerPrompt) {
    return Refuse(field, absl::StrCat(labels.size(), " labels"),
                  absl::StrCat("a prompt has at most ",
                               sampling::kMaxLabelsPerPrompt, " labels"));
  }
  sampling::Labels parsed;
  parsed.reserve(labels.size());
  for (const auto& [key, value] : labels) {
    absl::Status status = CheckLabelKey(field, key);
    if (status.ok()) status = CheckLabelValue(field, value);
    if (!status.ok()) return status;
    parsed.emplace_back(key, value);
  }
  std::sort(parsed.begin(), parsed.end());
  return parsed;
}

absl::StatusOr<sampling::LabelFilter> ParseFilter(
    const sampler::v1::LabelFilter& filter) {
  const FieldPath root("filter");
  if (static_cast<size_t>(filter.terms_size()) > sampling::kMaxFilterTerms) {
    return Refuse({root, "terms"}, absl::StrCat(filter.terms_size(), " terms"),
                  absl::StrCat("a filter has at most ",
                               sampling::kMaxFilterTerms, " terms"));
  }
  sampling::LabelFilter parsed;
  for (int i = 0; i < filter.terms_size(); ++i) {
    const auto& term = filter.terms(i);
    const FieldPath path(root, "terms", i);
    absl::Status status = CheckLabelKey({path, "key"}, term.key());
    if (!status.ok()) return status;
    const FieldPath values_path(path, "values");
    status = CheckCount(values_path, term.values_size(), 1,
                        sampling::kMaxFilterValuesPerTerm);
    if (!status.ok()) return status;
    for (int j = 0; j < term.values_size(); ++j) {
      status = CheckLabelValue({path, "values", j}, term.values(j));
      if (!status.ok()) return status;
    }
    parsed.push_back(
        {term.key(), {term.values().begin(), term.values().end()}});
  }
  return parsed;
}

absl::StatusOr<sampling::Evidence> ParseStartingEvidence(
    const FieldPath& field, const sampler::v1::StartingEvidence& evidence) {
  absl::Status status =
      CheckRange({field, "pass_rate"}, evidence.pass_rate(), 0, 1);
  if (status.ok()) {
    status = CheckRange({field, "weight"}, evidence.weight(), 0,
                        sampling::kMaxEvidenceWeight);
  }
  if (!status.ok()) return status;
  return sampling::EvidenceOf(evidence.pass_rate(), evidence.weight());
}

}  // namespace vade::server
