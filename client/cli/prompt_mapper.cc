#include "client/cli/prompt_mapper.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace vade::cli {
namespace {

using Json = nlohmann::ordered_json;

uint64_t Fnv1a(absl::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  return hash;
}

absl::Status FieldError(const std::string& field, const std::string& rule) {
  return absl::InvalidArgumentError(absl::StrCat("field '", field, "' ", rule));
}

absl::StatusOr<const Json*> FindField(const Row& row,
                                      const std::string& field) {
  const auto found = row.fields.find(field);
  if (found == row.fields.end()) return FieldError(field, "is missing");
  return &*found;
}

// Of a string: itself; of anything else: its JSON.
std::string TextOf(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<std::string> ScalarField(const Row& row,
                                        const std::string& field) {
  auto value = FindField(row, field);
  if (!value.ok()) return value.status();
  if ((*value)->is_null() || (*value)->is_structured()) {
    return FieldError(field, absl::StrCat("is ", (*value)->type_name(),
                                          ", not a text or a number"));
  }
  return TextOf(**value);
}

absl::StatusOr<double> NumberField(const Row& row, const std::string& field) {
  auto text = ScalarField(row, field);
  if (!text.ok()) return text.status();
  double number = 0;
  if (!absl::SimpleAtod(*text, &number)) {
    return FieldError(field, absl::StrCat("is '", *text, "', not a number"));
  }
  return number;
}

}  // namespace

std::string ContentHash(absl::string_view text) {
  return absl::StrFormat("%016x", Fnv1a(text));
}

absl::StatusOr<PromptMapping::Label> ParseLabel(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is not KEY=FIELD or KEY==VALUE"));
  }
  PromptMapping::Label label;
  label.key = text.substr(0, equals);
  if (text[equals + 1] == '=') {
    label.value = text.substr(equals + 2);
  } else {
    label.field = text.substr(equals + 1);
  }
  return label;
}

PromptMapper::PromptMapper(PromptMapping mapping)
    : mapping_(std::move(mapping)) {}

absl::StatusOr<std::optional<sampler::v1::Prompt>> PromptMapper::Map(
    const Row& row) {
  auto id = IdOf(row);
  if (!id.ok()) return id.status();
  const auto [seen, is_new] = line_of_id_.emplace(Fnv1a(id->text), row.line);
  if (!is_new && id->from_content) {
    ++repeated_count_;
    return std::nullopt;
  }
  if (!is_new) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the id '", id->text, "' stands in line ", seen->second, " already"));
  }
  sampler::v1::Prompt prompt;
  prompt.set_id(id->text);
  for (const absl::Status& status :
       {SetPayload(row, prompt), SetLabels(row, prompt),
        SetPassRate(row, prompt)}) {
    if (!status.ok()) return status;
  }
  return prompt;
}

absl::StatusOr<PromptMapper::Id> PromptMapper::IdOf(const Row& row) const {
  if (mapping_.id_fields.empty() && !row.fields.contains("id")) {
    return Id{ContentHash(row.text), true};
  }
  const std::vector<std::string> default_fields = {"id"};
  const auto& fields =
      mapping_.id_fields.empty() ? default_fields : mapping_.id_fields;
  Id id;
  for (const std::string& field : fields) {
    auto text = ScalarField(row, field);
    if (!text.ok()) return text.status();
    if (text->empty()) return FieldError(field, "is empty, and the id");
    absl::StrAppend(&id.text, id.text.empty() ? "" : "/", *text);
  }
  return id;
}

absl::Status PromptMapper::SetPayload(const Row& row,
                                      sampler::v1::Prompt& prompt) const {
  switch (mapping_.payload) {
    case PromptMapping::Payload::kLine:
      prompt.set_payload(row.text);
      return absl::OkStatus();
    case PromptMapping::Payload::kField: {
      auto value = FindField(row, mapping_.payload_field);
      if (!value.ok()) return value.status();
      prompt.set_payload(TextOf(**value));
      return absl::OkStatus();
    }
    case PromptMapping::Payload::kNone:
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::Status PromptMapper::SetLabels(const Row& row,
                                     sampler::v1::Prompt& prompt) const {
  for (const PromptMapping::Label& label : mapping_.labels) {
    std::string& value = (*prompt.mutable_labels())[label.key];
    if (label.value.has_value()) {
      value = *label.value;
      continue;
    }
    auto text = ScalarField(row, label.field);
    if (!text.ok()) return text.status();
    value = *text;
  }
  return absl::OkStatus();
}

absl::Status PromptMapper::SetPassRate(const Row& row,
                                       sampler::v1::Prompt& prompt) const {
  double pass_rate = 0;
  if (!mapping_.pass_rate_field.empty()) {
    auto value = NumberField(row, mapping_.pass_rate_field);
    if (!value.ok()) return value.status();
    pass_rate = *value;
    if (!(pass_rate >= 0 && pass_rate <= 1)) {
      return FieldError(mapping_.pass_rate_field,
                        absl::StrCat("is ", pass_rate, ", not in [0, 1]"));
    }
  } else if (!mapping_.correct_field.empty()) {
    auto correct = NumberField(row, mapping_.correct_field);
    if (!correct.ok()) return correct.status();
    auto rollouts = NumberField(row, mapping_.rollouts_field);
    if (!rollouts.ok()) return rollouts.status();
    if (!(*rollouts > 0)) {
      return FieldError(mapping_.rollouts_field,
                        absl::StrCat("is ", *rollouts, ", not positive"));
    }
    if (!(*correct >= 0 && *correct <= *rollouts)) {
      return FieldError(
          mapping_.correct_field,
          absl::StrCat("is ", *correct, ", not in [0, ", *rollouts, "]"));
    }
    pass_rate = *correct / *rollouts;
  } else {
    return absl::OkStatus();
  }
  prompt.mutable_starting_evidence()->set_pass_rate(pass_rate);
  prompt.mutable_starting_evidence()->set_weight(mapping_.weight);
  return absl::OkStatus();
}

}  // namespace vade::cli
