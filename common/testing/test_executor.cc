#include "common/testing/test_executor.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace cairn {

// Runs the first timer that is due, or else the first task.
bool TestExecutor::RunOne() {
  Task task;
  if (!timers_.empty() && timers_.begin()->first.first <= clock_->Monotonic()) {
    task = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
  } else if (!queue_.empty()) {
    task = std::move(queue_.front());
    queue_.pop_front();
  } else {
    return false;
  }
  task();
  return true;
}

void TestExecutor::Run() {
  while (RunOne()) {
  }
}

void TestExecutor::AdvanceAndRun(absl::Duration step) {
  const absl::Duration end = clock_->Monotonic() + step;
  for (;;) {
    Run();
    const absl::Duration now = clock_->Monotonic();
    if (timers_.empty() || timers_.begin()->first.first > end) {
      if (now < end) clock_->Advance(end - now);
      return;
    }
    clock_->Advance(timers_.begin()->first.first - now);
  }
}

absl::Status TestExecutor::Schedule(Task task) {
  queue_.push_back(std::move(task));
  return absl::OkStatus();
}

Executor::TimerId TestExecutor::ScheduleAfter(absl::Duration delay, Task task) {
  const TimerId timer = next_timer_++;
  const absl::Duration due =
      clock_->Monotonic() + std::max(delay, absl::ZeroDuration());
  timers_.emplace(std::pair(due, timer), std::move(task));
  return timer;
}

bool TestExecutor::Cancel(TimerId timer) {
  const auto found = std::find_if(
      timers_.begin(), timers_.end(),
      [timer](const auto& entry) { return entry.first.second == timer; });
  if (found == timers_.end()) return false;
  const Task dropped = std::move(found->second);
  timers_.erase(found);
  return true;
}

bool TestExecutor::Await(absl::Mutex* mutex, const absl::Condition& condition,
                         absl::Duration timeout) {
  const absl::Duration deadline = clock_->Monotonic() + timeout;
  for (;;) {
    if (condition.Eval()) return true;
    const absl::Duration now = clock_->Monotonic();
    if (now >= deadline) return false;
    mutex->Unlock();
    if (!RunOne()) {
      absl::Duration next = deadline;
      if (!timers_.empty()) next = std::min(next, timers_.begin()->first.first);
      if (next == absl::InfiniteDuration()) {
        std::fputs("TestExecutor: a wait that nothing can end\n", stderr);
        std::abort();
      }
      clock_->Advance(next - now);
    }
    mutex->Lock();
  }
}

}  // namespace cairn
