#include "common/concurrency/repeater.h"

#include <algorithm>
#include <utility>

namespace cairn {

Repeater::Repeater(absl::Duration period, Executor* executor,
                   const Clock* clock, absl::AnyInvocable<void()> run)
    : period_(period),
      executor_(executor),
      clock_(clock),
      run_(std::move(run)) {}

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
  if (timer != 0) executor_->Cancel(timer);
}

void Repeater::Schedule(absl::Duration delay) {
  absl::MutexLock lock(&mutex_);
  if (stopped_) return;
  timer_ = executor_->ScheduleAfter(delay, [this] { RunOnce(); });
}

void Repeater::RunOnce() {
  const absl::Duration start = clock_->Monotonic();
  run_();
  const absl::Duration taken = clock_->Monotonic() - start;
  Schedule(std::max(period_, taken * ((1 - kMaxShare) / kMaxShare)));
}

}  // namespace cairn
