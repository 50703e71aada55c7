#include "server/sampling/prompt_ids.h"

#include <cstring>

#include "absl/hash/hash.h"
#include "server/sampling/limits.h"

namespace vade::sampling {
namespace {

// Ids in a group: more save pointers, fewer are quicker to step over.
constexpr uint32_t kGroup = 16;
// A length is 7 bits a byte, the low ones first, the top bit set if a second
// byte follows.
constexpr size_t kMaxLengthBytes = 2;
constexpr size_t kMaxGroupBytes =
    kGroup * (kMaxLengthBytes + kMaxPromptIdBytes);
// So large that the allocator gets it from the system page by page, and what
// is not used of it is not resident.
constexpr size_t kBlockBytes = size_t{256} << 10;

// The id that begins at `place`, which moves behind it.
absl::string_view Read(const char*& place) {
  size_t length = static_cast<unsigned char>(*place++);
  if (length >= 0x80) {
    length = (length & 0x7f) | size_t{static_cast<unsigned char>(*place++)}
                                   << 7;
  }
  const absl::string_view id(place, length);
  place += length;
  return id;
}

}  // namespace

size_t PromptIds::IdHash::operator()(absl::string_view id) const {
  return absl::Hash<absl::string_view>()(id);
}

size_t PromptIds::IdHash::operator()(uint32_t index) const {
  return absl::Hash<absl::string_view>()(ids->Get(index));
}

bool PromptIds::IdEqual::operator()(uint32_t a, uint32_t b) const {
  return a == b || ids->Get(a) == ids->Get(b);
}

bool PromptIds::IdEqual::operator()(uint32_t a, absl::string_view b) const {
  return ids->Get(a) == b;
}

bool PromptIds::IdEqual::operator()(absl::string_view a, uint32_t b) const {
  return a == ids->Get(b);
}

PromptIds::PromptIds() : by_id_(0, IdHash{this}, IdEqual{this}) {}

void PromptIds::Append(absl::string_view id) {
  if (size_ % kGroup == 0) {
    if (blocks_.empty() || block_used_ + kMaxGroupBytes > kBlockBytes) {
      blocks_.push_back(std::make_unique_for_overwrite<char[]>(kBlockBytes));
      block_used_ = 0;
    }
    groups_.push_back(blocks_.back().get() + block_used_);
  }
  char* place = blocks_.back().get() + block_used_;
  const char* const begin = place;
  if (id.size() < 0x80) {
    *place++ = static_cast<char>(id.size());
  } else {
    *place++ = static_cast<char>(0x80 | (id.size() & 0x7f));
    *place++ = static_cast<char>(id.size() >> 7);
  }
  if (!id.empty()) std::memcpy(place, id.data(), id.size());
  block_used_ += static_cast<size_t>(place - begin) + id.size();
  ++size_;
}

absl::string_view PromptIds::Get(uint32_t index) const {
  const char* place = groups_[index / kGroup];
  for (uint32_t i = 0; i < index % kGroup; ++i) Read(place);
  return Read(place);
}

void PromptIds::PrefetchPlace(uint32_t index) const {
  __builtin_prefetch(&groups_[index / kGroup]);
}

void PromptIds::PrefetchId(uint32_t index) const {
  // Ids of this length are usual. What is not there is not fetched, for all
  // that is asked.
  constexpr uint32_t kUsualBytes = 16;
  constexpr uint32_t kCacheLine = 64;
  const char* const group = groups_[index / kGroup];
  const uint32_t bytes = (index % kGroup + 1) * kUsualBytes;
  for (uint32_t at = 0; at < bytes; at += kCacheLine) {
    __builtin_prefetch(group + at);
  }
}

std::optional<uint32_t> PromptIds::List(absl::Span<const uint32_t> prompts) {
  constexpr size_t kAhead = 16;
  for (size_t i = 0; i < prompts.size() + kAhead; ++i) {
    if (i < prompts.size()) by_id_.prefetch(prompts[i]);
    if (i >= kAhead && !List(prompts[i - kAhead])) return prompts[i - kAhead];
  }
  return std::nullopt;
}

std::optional<uint32_t> PromptIds::Find(absl::string_view id) const {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return std::nullopt;
  return *found;
}

}  // namespace vade::sampling
