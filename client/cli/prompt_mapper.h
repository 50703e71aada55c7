// PromptMapper: makes prompts of rows, as the flags of `import prompts` say.
#ifndef VADE_CLIENT_CLI_PROMPT_MAPPER_H_
#define VADE_CLIENT_CLI_PROMPT_MAPPER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cli/row_source.h"
#include "vade/sampler/v1/prompt.pb.h"

namespace vade::cli {

// 64-bit FNV-1a of `text` as 16 hexadecimal digits: the id of a row that has
// none. The same on every machine and in every version.
std::string ContentHash(absl::string_view text);

struct PromptMapping {
  // Fields whose values, joined by '/', are the id. Empty: the field "id" of
  // a row that has one, else the row's content hash.
  std::vector<std::string> id_fields;
  struct Label {
    std::string key;
    // Where the value stands, or the value itself.
    std::string field;
    std::optional<std::string> value;
  };
  std::vector<Label> labels;
  enum class Payload { kLine, kField, kNone };
  Payload payload = Payload::kLine;
  std::string payload_field;
  // Known pass rates: a field with the rate, or two with counts. Empty: none.
  std::string pass_rate_field;
  std::string correct_field;
  std::string rollouts_field;
  // Rollouts that a known pass rate counts as.
  double weight = 8;
};

// "KEY=FIELD" or "KEY==VALUE". INVALID_ARGUMENT for anything else.
absl::StatusOr<PromptMapping::Label> ParseLabel(const std::string& text);

// Thread-compatible.
class PromptMapper {
 public:
  explicit PromptMapper(PromptMapping mapping);

  // The prompt that `row` says. INVALID_ARGUMENT with what is wrong, without
  // file and line: a field that is missing or of the wrong kind, an id that an
  // earlier row has. No prompt for a row whose content an earlier row has, if
  // ids are content hashes.
  absl::StatusOr<std::optional<sampler::v1::Prompt>> Map(const Row& row);

  // Rows that repeat an earlier one, and made no prompt.
  uint64_t repeated_count() const { return repeated_count_; }

 private:
  struct Id {
    std::string text;
    bool from_content = false;
  };

  absl::StatusOr<Id> IdOf(const Row& row) const;
  absl::Status SetPayload(const Row& row, sampler::v1::Prompt& prompt) const;
  absl::Status SetLabels(const Row& row, sampler::v1::Prompt& prompt) const;
  absl::Status SetPassRate(const Row& row, sampler::v1::Prompt& prompt) const;

  const PromptMapping mapping_;
  // Hash of each id seen, and its line. 16 bytes a prompt, where the ids
  // themselves would be the greater part of the file.
  absl::flat_hash_map<uint64_t, uint64_t> line_of_id_;
  uint64_t repeated_count_ = 0;
};

}  // namespace vade::cli

#endif  // VADE_CLIENT_CLI_PROMPT_MAPPER_H_
