#pragma once

#include <functional>

#include "absl/random/bit_gen_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/time/clock.h"

namespace cairn::client {

// True if `error` may be about the connection or a passing state of the
// server, so that the same call can succeed later: also if the server says so
// by asking for a wait, but never if its storage is full.
bool IsPassing(const absl::Status& error);

// How long a run keeps trying while the server is away: waits that are drawn
// evenly from [0, bound), the bound doubling, after what the server asked
// for, until `total` has passed since the last progress. One thread.
class RetryBudget {
 public:
  struct Options {
    absl::Duration initial_backoff = absl::Milliseconds(200);
    absl::Duration max_backoff = absl::Seconds(10);
    absl::Duration total = absl::Minutes(5);
  };
  // Returns after the duration, or early when the user interrupts.
  using Sleep = std::function<void(absl::Duration)>;
  // Told before each wait: why, and for how long.
  using Listener = std::function<void(const absl::Status&, absl::Duration)>;

  // `clock` and what `jitter` refers to outlive the budget.
  RetryBudget(const Options& options, const Clock* clock,
              absl::BitGenRef jitter, Sleep sleep, Listener listener)
      : options_(options),
        clock_(clock),
        jitter_(jitter),
        sleep_(std::move(sleep)),
        listener_(std::move(listener)) {}

  // Waits and returns OK if the call that ended with `error` is to be made
  // again; else the error to give up with.
  absl::Status WaitAfter(const absl::Status& error);

  // The server did what was asked: the next trouble starts from zero.
  void Progress();

  // Waits in all.
  int retries() const { return retries_; }

 private:
  const Options options_;
  const Clock* const clock_;
  absl::BitGenRef jitter_;
  const Sleep sleep_;
  const Listener listener_;
  int failures_ = 0;
  int retries_ = 0;
  absl::Duration trouble_since_;  // monotonic; valid while failures_ > 0
};

}  // namespace cairn::client
