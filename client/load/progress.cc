#include "client/load/progress.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"

namespace vade::load {
namespace {

constexpr uint64_t kLinesWithoutTerminal = 10;

}  // namespace

Progress::Progress(std::string title, uint64_t steps, std::FILE* out,
                   client::Clock& clock)
    : title_(std::move(title)),
      steps_(steps),
      out_(out),
      clock_(clock),
      on_terminal_(::isatty(::fileno(out)) == 1),
      start_(clock.Now()) {}

Progress::~Progress() {
  if (on_terminal_ && drawn_) absl::FPrintF(out_, "\n");
}

void Progress::Show(const StepRecord& record) {
  rollout_count_ += record.reward_count;
  if (on_terminal_) {
    absl::FPrintF(out_, "\r\x1b[K%s", Line(record));
    std::fflush(out_);
    drawn_ = true;
    return;
  }
  const uint64_t stride = std::max<uint64_t>(1, steps_ / kLinesWithoutTerminal);
  if ((record.step + 1) % stride != 0) return;
  absl::FPrintF(out_, "%s\n", Line(record));
  std::fflush(out_);
}

std::string Progress::Line(const StepRecord& record) const {
  StepTotals now;
  now.Add(record);
  const double seconds =
      std::max(absl::ToDoubleSeconds(clock_.Now() - start_), 1e-3);
  return absl::StrFormat(
      "%s step %d/%d  EGR %.3f  clock %.0f  pass %.3f  %.0f rollouts/s", title_,
      record.step + 1, steps_, now.EffectiveGradientRatio(), record.clock,
      now.MeanPassRate(), static_cast<double>(rollout_count_) / seconds);
}

}  // namespace vade::load
