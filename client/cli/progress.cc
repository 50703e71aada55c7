#include "client/cli/progress.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"

namespace vade::cli {
namespace {

constexpr absl::Duration kQuietAtFirst = absl::Seconds(1);
constexpr absl::Duration kInterval = absl::Milliseconds(200);
constexpr int kBarWidth = 30;
// Back to the start of the line, and clear it.
constexpr char kClearLine[] = "\r\x1b[K";

}  // namespace

Progress::Progress(std::ostream& err, bool is_terminal, std::string what,
                   client::Clock& clock)
    : err_(err),
      is_terminal_(is_terminal),
      what_(std::move(what)),
      clock_(clock),
      start_(clock.Now()),
      next_(start_ + kQuietAtFirst) {}

Progress::~Progress() {
  if (shown_) err_ << kClearLine << std::flush;
}

void Progress::Update(uint64_t count, double share) {
  if (!is_terminal_ || clock_.Now() < next_) return;
  next_ = clock_.Now() + kInterval;
  shown_ = true;
  std::string bar;
  if (share >= 0) {
    const int filled = static_cast<int>(std::min(share, 1.0) * kBarWidth);
    bar = absl::StrFormat("[%s%s] %3.0f %%  ", std::string(filled, '='),
                          std::string(kBarWidth - filled, ' '), share * 100);
  }
  const double seconds = absl::ToDoubleSeconds(elapsed());
  err_ << kClearLine << bar
       << absl::StrFormat("%d %s, %.0f/s", count, what_,
                          static_cast<double>(count) / seconds)
       << std::flush;
}

}  // namespace vade::cli
