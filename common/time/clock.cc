#include "common/time/clock.h"

#include <time.h>

#include "absl/time/clock.h"

namespace cairn {

absl::Time SystemClock::Now() const { return absl::Now(); }

absl::Duration SystemClock::Monotonic() const {
  timespec now;
  // Cannot fail: the clock exists on every Linux and the pointer is valid.
  clock_gettime(CLOCK_MONOTONIC, &now);
  return absl::DurationFromTimespec(now);
}

}  // namespace cairn
