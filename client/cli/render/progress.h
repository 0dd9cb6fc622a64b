#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "client/transfer/transfer_progress.h"
#include "common/time/clock.h"

namespace cairn::client {

// Shows how far a transfer, or a task, is: on a terminal one line that is
// rewritten, else a line every ten seconds. One thread.
class ProgressLine {
 public:
  struct Options {
    bool terminal = false;
    bool quiet = false;  // shows nothing, except notes
  };

  static constexpr absl::Duration kTerminalInterval = absl::Milliseconds(200);
  static constexpr absl::Duration kPlainInterval = absl::Seconds(10);

  // Both outlive the line.
  ProgressLine(const Options& options, std::ostream* err, const Clock* clock)
      : options_(options), err_(err), clock_(clock) {}

  void Update(const TransferProgress& progress);
  // The same of what is no transfer, in words.
  void Update(std::string_view text);
  // A line of its own that stays, such as "connection lost, ...".
  void Note(std::string_view text);
  // Takes the line away, so that others may write.
  void Clear();

 private:
  std::string Describe(const TransferProgress& progress,
                       absl::Duration elapsed) const;
  bool IsDue(absl::Duration now) const;
  void Show(std::string_view text, bool done, absl::Duration now);

  const Options options_;
  std::ostream* const err_;
  const Clock* const clock_;
  std::string archive_;
  absl::Duration started_;
  uint64_t started_at_bytes_ = 0;
  absl::Duration shown_ = -absl::InfiniteDuration();
  bool line_open_ = false;
};

}  // namespace cairn::client
