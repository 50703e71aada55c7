// Live progress of a training: one line redrawn on a terminal, else a line at
// each tenth of the way. Thread-compatible.
#ifndef VADE_CLIENT_LOAD_PROGRESS_H_
#define VADE_CLIENT_LOAD_PROGRESS_H_

#include <cstdint>
#include <cstdio>
#include <string>

#include "absl/time/time.h"
#include "client/cpp/clock.h"
#include "client/load/training.h"

namespace vade::load {

class Progress {
 public:
  // `title` starts every line. `out` and `clock` must outlive it.
  Progress(std::string title, uint64_t steps, std::FILE* out,
           client::Clock& clock);
  // Ends the redrawn line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Show(const StepRecord& record);

 private:
  std::string Line(const StepRecord& record) const;

  const std::string title_;
  const uint64_t steps_;
  std::FILE* const out_;
  client::Clock& clock_;
  const bool on_terminal_;
  const absl::Time start_;
  uint64_t rollout_count_ = 0;
  bool drawn_ = false;
};

}  // namespace vade::load

#endif  // VADE_CLIENT_LOAD_PROGRESS_H_
