#pragma once

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/time/clock.h"

namespace cairn {

// How fast bytes may pass. Whoever wants to move some takes them and is told
// how long to wait first; it waits by itself, wherever it can be interrupted.
// First come, first served: each waits for all who took before, so those who
// take a message at a time have equal shares. From any moment on, no more
// passes within t than rate * (t + burst) and one message. Thread-safe; the
// lock is held for a sum, never while anybody waits.
class TokenBucket {
 public:
  struct Options {
    uint64_t bytes_per_second = 1;  // 1..2^50
    // What may pass at once after a pause, as time at the rate: makes up for
    // who wakes up late.
    absl::Duration burst = absl::Milliseconds(100);
  };

  // `clock` outlives the bucket.
  TokenBucket(const Options& options, const Clock* clock);

  // How long `bytes` must wait from now on.
  absl::Duration Take(uint64_t bytes) ABSL_LOCKS_EXCLUDED(mutex_);

  // For who took `bytes` and gave up before they passed, so that those who
  // come later do not wait for nothing.
  void GiveBack(uint64_t bytes) ABSL_LOCKS_EXCLUDED(mutex_);

  uint64_t bytes_per_second() const { return options_.bytes_per_second; }

 private:
  absl::Duration TimeOf(uint64_t bytes) const;

  const Options options_;
  const Clock* const clock_;

  absl::Mutex mutex_;
  // Monotonic: when all that was taken has passed.
  absl::Duration busy_until_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn
