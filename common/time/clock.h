#pragma once

#include "absl/time/time.h"

namespace cairn {

// The only source of time. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Wall clock: for people and for snapshot names, never for safety.
  virtual absl::Time Now() const = 0;

  // Time since an arbitrary start that never goes back and that a wall
  // clock jump does not move: for deadlines and durations.
  virtual absl::Duration Monotonic() const = 0;
};

// CLOCK_REALTIME and CLOCK_MONOTONIC of this machine.
class SystemClock final : public Clock {
 public:
  absl::Time Now() const override;
  absl::Duration Monotonic() const override;
};

}  // namespace cairn
