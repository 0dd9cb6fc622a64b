#include "tests/simulator/process.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"

namespace cairn::simulator {

absl::Status SimExecutor::Schedule(Task task) {
  scheduler_->Spawn(process_, "task",
                    [task = std::move(task)]() mutable { task(); });
  return absl::OkStatus();
}

Executor::TimerId SimExecutor::ScheduleAfter(absl::Duration delay, Task task) {
  const TimerId timer = next_timer_++;
  timers_.emplace(timer, std::move(task));
  scheduler_->At(scheduler_->now() + std::max(delay, absl::ZeroDuration()),
                 [this, timer] {
                   // None is due while a process dies, but it can be cancelled.
                   if (process_->dying() || !timers_.contains(timer)) return;
                   scheduler_->Spawn(process_, "timer",
                                     [this, timer] { RunTimer(timer); });
                 });
  return timer;
}

void SimExecutor::RunTimer(TimerId timer) {
  const auto found = timers_.find(timer);
  if (found == timers_.end()) return;
  Task task = std::move(found->second);
  timers_.erase(found);
  running_.emplace(timer, scheduler_->current()->id);
  task();
  task = nullptr;
  running_.erase(timer);
  const auto [begin, end] = waiting_.equal_range(timer);
  for (auto entry = begin; entry != end; ++entry) {
    scheduler_->Wake(entry->second);
  }
  waiting_.erase(begin, end);
}

bool SimExecutor::Cancel(TimerId timer) {
  if (timers_.erase(timer) > 0) return true;
  const uint64_t self = scheduler_->current()->id;
  for (;;) {
    const auto running = running_.find(timer);
    if (running == running_.end() || running->second == self) return false;
    waiting_.emplace(timer, self);
    scheduler_->Wait(absl::InfiniteDuration());
  }
}

bool SimExecutor::Await(absl::Mutex* mutex, const absl::Condition& condition,
                        absl::Duration timeout) {
  const absl::Duration until = scheduler_->now() + timeout;
  bool in_time = true;
  for (bool is_first = true; !condition.Eval(); is_first = false) {
    if (!in_time) return false;
    in_time = scheduler_->WaitForChange(mutex, until, is_first);
  }
  return true;
}

void Process::PauseUntil(absl::Duration time) {
  scheduler_->trace().Add(scheduler_->now(), absl::StrCat(name(), " pauses"));
  set_paused_until(std::max(paused_until(), time));
}

void Process::Start() {
  CHECK(!up_);
  up_ = true;
  ++life_;
  scheduler_->trace().Add(scheduler_->now(), absl::StrCat(name(), " starts"));
  scheduler_->Spawn(this, "start", [this] {
    const absl::Status opened = Open();
    if (!opened.ok()) {
      scheduler_->trace().Add(scheduler_->now(),
                              absl::StrCat(name(), " did not start"),
                              opened.ToString());
      failed_ = true;
      return;
    }
    serves_ = !dying_;
  });
}

absl::Status Process::Kill(bool power_cut) {
  CHECK(up_);
  scheduler_->trace().Add(
      scheduler_->now(),
      absl::StrCat(name(), power_cut ? " loses power" : " is killed"));
  dying_ = true;
  serves_ = false;
  Freeze();
  BreakConnections();
  if (!scheduler_->Drain(this)) {
    return absl::InternalError(absl::StrCat(
        name(), " does not come to its end:\n", scheduler_->DescribeTasks()));
  }
  scheduler_->Spawn(this, "close", [this] { Close(); });
  if (!scheduler_->Drain(this)) {
    return absl::InternalError(absl::StrCat(name(), " does not close:\n",
                                            scheduler_->DescribeTasks()));
  }
  executor_.DropTimers();
  Thaw(power_cut);
  up_ = false;
  dying_ = false;
  failed_ = false;
  ResetParty();
  return absl::OkStatus();
}

void Process::Report(const absl::Status& error) {
  scheduler_->trace().Add(scheduler_->now(), absl::StrCat(name(), " must end"),
                          error.ToString());
  failed_ = true;
}

}  // namespace cairn::simulator
