// Progress: one line that says how far a long command is, on a terminal only.
#ifndef VADE_CLIENT_CLI_PROGRESS_H_
#define VADE_CLIENT_CLI_PROGRESS_H_

#include <cstdint>
#include <ostream>
#include <string>

#include "absl/time/time.h"
#include "client/cpp/clock.h"

namespace vade::cli {

// Writes nothing in the first second, and nothing at all if `is_terminal` is
// false. Thread-compatible.
class Progress {
 public:
  // `what` is counted: "prompts". Stream and clock must outlive this.
  Progress(std::ostream& err, bool is_terminal, std::string what,
           client::Clock& clock);
  // Clears the line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `share` of the whole is done, in [0, 1]; negative if it is not known.
  void Update(uint64_t count, double share);

  absl::Duration elapsed() const { return clock_.Now() - start_; }

 private:
  std::ostream& err_;
  const bool is_terminal_;
  const std::string what_;
  client::Clock& clock_;
  const absl::Time start_;
  absl::Time next_;
  bool shown_ = false;
};

}  // namespace vade::cli

#endif  // VADE_CLIENT_CLI_PROGRESS_H_
