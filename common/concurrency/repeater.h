#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/concurrency/cancellation.h"
#include "common/concurrency/executor.h"
#include "common/time/clock.h"

namespace cairn {

// Does the same again and again on an executor, one round at a time.
// Thread-safe.
class Repeater {
 public:
  // One round; returns the time from its end to the start of the next. Stop
  // cancels `stop`.
  using Round =
      absl::AnyInvocable<absl::Duration(const CancellationToken& stop)>;

  // `executor` outlives the repeater.
  Repeater(Executor* executor, Round round);
  // As Stop.
  ~Repeater();
  Repeater(const Repeater&) = delete;
  Repeater& operator=(const Repeater&) = delete;

  // Schedules the first round at once. Call it once.
  void Start();
  // Cancels a running round, waits for its end, and starts no other.
  // Idempotent. Not to be called from the executor's tasks.
  void Stop();

 private:
  void RunRound();
  void Schedule(absl::Duration delay);

  Executor* const executor_;
  Round round_;  // by one round at a time
  CancellationToken stop_;

  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  Executor::TimerId timer_ ABSL_GUARDED_BY(mutex_) = 0;
};

// What takes long is done more seldom: of the time at most this share.
inline constexpr double kMaxShareOfRounds = 0.05;

// A round that does `work` and waits for `period`, or as much longer as keeps
// it below kMaxShareOfRounds. `clock` outlives the round.
Repeater::Round SparingRound(absl::Duration period, const Clock* clock,
                             absl::AnyInvocable<void()> work);

}  // namespace cairn
