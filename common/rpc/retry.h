#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/random/bit_gen_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/concurrency/executor.h"
#include "common/model/call.h"
#include "common/time/clock.h"

namespace cairn {

// Repeats an operation that met an unavailable server, with waits that grow
// and are drawn evenly from [0, bound) ("full jitter"), so that clients that
// failed together do not come back together. Repeated are Unavailable, and
// whatever the server marked with a retry delay, which is the shortest wait
// then. Thread-safe.
class Retrier {
 public:
  struct Options {
    absl::Duration initial_backoff = absl::Milliseconds(100);
    absl::Duration max_backoff = absl::Seconds(5);
    // Calls in all; 1 means never repeat.
    int max_attempts = 5;
  };

  // All outlive the retrier.
  Retrier(const Options& options, const Clock* clock, absl::BitGenRef jitter,
          Executor* executor)
      : options_(options),
        clock_(clock),
        executor_(executor),
        jitter_(jitter) {}

  // The result of the last attempt. Ends early, with the last error, when
  // the call's deadline comes before the next attempt; Cancelled when it is
  // cancelled. `attempt` must be safe to repeat.
  absl::Status Run(const Call& call, absl::FunctionRef<absl::Status()> attempt);

 private:
  absl::Duration NextDelay(int failures, const absl::Status& error);

  const Options options_;
  const Clock* const clock_;
  Executor* const executor_;
  absl::Mutex mutex_;
  absl::BitGenRef jitter_ ABSL_GUARDED_BY(mutex_);
};

// Whether repeating a call that ended with `error` may help.
bool IsRetryable(const absl::Status& error);

}  // namespace cairn
