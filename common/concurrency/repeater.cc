#include "common/concurrency/repeater.h"

#include <algorithm>
#include <utility>

namespace cairn {

Repeater::Repeater(Executor* executor, Round round)
    : executor_(executor), round_(std::move(round)) {}

Repeater::~Repeater() { Stop(); }

void Repeater::Start() { Schedule(absl::ZeroDuration()); }

void Repeater::Stop() {
  Executor::TimerId timer = 0;
  {
    absl::MutexLock lock(&mutex_);
    if (stopped_) return;
    stopped_ = true;
    timer = timer_;
  }
  stop_.Cancel();
  if (timer != 0) executor_->Cancel(timer);
}

void Repeater::Schedule(absl::Duration delay) {
  absl::MutexLock lock(&mutex_);
  if (stopped_) return;
  timer_ = executor_->ScheduleAfter(delay, [this] { RunRound(); });
}

void Repeater::RunRound() { Schedule(round_(stop_)); }

Repeater::Round SparingRound(absl::Duration period, const Clock* clock,
                             absl::AnyInvocable<void()> work) {
  return [period, clock, work = std::move(work)](
             const CancellationToken& /*stop*/) mutable -> absl::Duration {
    const absl::Duration start = clock->Monotonic();
    work();
    const absl::Duration taken = clock->Monotonic() - start;
    return std::max(period,
                    taken * ((1 - kMaxShareOfRounds) / kMaxShareOfRounds));
  };
}

}  // namespace cairn
