#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/concurrency/executor.h"
#include "common/testing/fake_clock.h"

namespace cairn {

// An Executor without threads: tasks run, in order, only inside Run and
// Await, on the caller's thread. So one run is like the next. When nothing
// is left to run, Await lets the clock advance to the next timer, or to its
// timeout. A task that runs inside Await and waits for what only the code
// below it on the stack would do, waits for ever: that, and any other wait
// that nothing can end, aborts with a text. For one thread only.
class TestExecutor final : public Executor {
 public:
  // `clock` outlives this.
  explicit TestExecutor(FakeClock* clock) : clock_(clock) {}

  // Runs tasks and timers that are due, and what they schedule, until none
  // is left.
  void Run();
  // Advances the clock by `step`, timer by timer, and runs what is due.
  void AdvanceAndRun(absl::Duration step);

  size_t queued() const { return queue_.size(); }
  size_t timers() const { return timers_.size(); }

  absl::Status Schedule(Task task) override;
  TimerId ScheduleAfter(absl::Duration delay, Task task) override;
  bool Cancel(TimerId timer) override;
  bool Await(absl::Mutex* mutex, const absl::Condition& condition,
             absl::Duration timeout) override;

 private:
  bool RunOne();

  FakeClock* const clock_;
  std::deque<Task> queue_;
  TimerId next_timer_ = 1;
  std::map<std::pair<absl::Duration, TimerId>, Task> timers_;
};

}  // namespace cairn
