// Page tokens: where the next page of a list begins, in a form that callers
// cannot read and that fits no other list. Web-safe base64 of a version byte,
// a 64-bit check over list and place, and the place. The check finds damage and
// mix-ups; it is no signature, since a forged place shows nothing that the
// caller could not list anyway. Pure functions, thread-safe.
#ifndef VADE_SERVER_PAGE_TOKEN_H_
#define VADE_SERVER_PAGE_TOKEN_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/sampling/requests.h"

namespace vade::server {

// What names a list: its kind, its run, and all that decides what it holds and
// in which order; not the size of a page, which may change on the way.
inline constexpr std::string_view kRunList = "runs";
std::string PromptListName(uint32_t run_number,
                           const sampling::ListPromptsQuery& query);
std::string BatchListName(uint32_t run_number,
                          const sampling::ListBatchesQuery& query);

std::string MakePageToken(std::string_view list, std::string_view place);
// The place. INVALID_ARGUMENT (INVALID_PAGE_TOKEN).
absl::StatusOr<std::string> OpenPageToken(std::string_view list,
                                          std::string_view token);

std::string MakePromptToken(std::string_view list,
                            const sampling::PromptPosition& place);
absl::StatusOr<sampling::PromptPosition> OpenPromptToken(
    std::string_view list, std::string_view token);

// `before_sequence` as in ListBatchesQuery.
std::string MakeBatchToken(std::string_view list, uint64_t before_sequence);
absl::StatusOr<uint64_t> OpenBatchToken(std::string_view list,
                                        std::string_view token);

}  // namespace vade::server

#endif  // VADE_SERVER_PAGE_TOKEN_H_
