#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/log/log.h"

namespace cairn {

// Lines since the start of the process.
struct LogCounts {
  std::array<uint64_t, 4> lines = {};  // by level; written or left out
  uint64_t left_out = 0;
};
LogCounts CountLogLines();

// Keeps a line that repeats from filling the disk, and with it from hiding all
// others. Lines are of one kind if their level is and their text is up to the
// first "name=": "dependency is not ready". Of a kind that was quiet kBurst
// lines are written at once, then one each kInterval. Lines of the level debug
// are not limited: who asks for them wants them all. Memory is bounded: kinds
// share kSlots places. Thread-safe.
class LogLimiter {
 public:
  static constexpr size_t kSlots = 256;
  static constexpr int kBurst = 100;
  static constexpr absl::Duration kInterval = absl::Seconds(1);
  // How long a number of lines left out may be untold while anything is
  // logged.
  static constexpr absl::Duration kTellAfter = absl::Minutes(1);

  struct Verdict {
    bool write = true;
    uint64_t left_out = 0;  // lines of the kind right before this one
  };
  // `now`: wall clock; one that jumps costs or gives a few lines.
  Verdict Take(LogLevel level, std::string_view message, absl::Time now);

  // Kinds whose lines were left out and that were not heard of since, each
  // with their number; empty but once in kTellAfter.
  struct Untold {
    std::string kind;
    uint64_t left_out = 0;
  };
  std::vector<Untold> TakeUntold(absl::Time now);

 private:
  struct Slot {
    std::string kind;  // of the last line, at most 64 bytes
    double tokens = kBurst;
    absl::Time filled = absl::InfinitePast();
    uint64_t left_out = 0;
  };

  absl::Mutex mutex_;
  std::array<Slot, kSlots> slots_ ABSL_GUARDED_BY(mutex_);
  absl::Time told_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  std::atomic<uint64_t> pending_ = 0;  // slots with lines left out
};

namespace log_internal {
// Of the process.
void CountLogLine(LogLevel level, bool left_out);
}  // namespace log_internal

}  // namespace cairn
