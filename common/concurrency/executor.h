#pragma once

#include <cstdint>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace cairn {

// Where engines run tasks and where they wait. Engines start no threads and
// block only here (and in injected transports and files), never while they
// hold a mutex other than the one passed to Await, so that a simulator with
// one thread can stand in for the real executor. Thread-safe.
class Executor {
 public:
  using Task = absl::AnyInvocable<void()>;

  virtual ~Executor() = default;

  // Runs `task` soon, on another thread. Never blocks.
  // ResourceExhausted: the queue is full (callers bound what they schedule,
  // so this is an overload to report, not to retry in a loop).
  // Unavailable: the executor is shutting down.
  virtual absl::Status Schedule(Task task) = 0;

  // Runs `task` once, not before `delay` has passed on the monotonic clock.
  // The result cancels it: Cancel returns true if the task will not run (or
  // waits until a running one has ended and returns false).
  using TimerId = uint64_t;
  virtual TimerId ScheduleAfter(absl::Duration delay, Task task) = 0;
  virtual bool Cancel(TimerId timer) = 0;

  // Releases `mutex`, waits until `condition` holds or `timeout` has passed
  // on the monotonic clock, takes `mutex` again. True if the condition
  // holds. `mutex` must be held.
  virtual bool Await(absl::Mutex* mutex, const absl::Condition& condition,
                     absl::Duration timeout) = 0;
};

}  // namespace cairn
