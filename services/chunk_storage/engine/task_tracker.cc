#include "services/chunk_storage/engine/task_tracker.h"

#include <utility>

#include "absl/time/time.h"

namespace cairn::chunk_storage {

absl::Status TaskTracker::Schedule(Executor::Task task) {
  {
    absl::MutexLock lock(&mutex_);
    ++running_;
  }
  const absl::Status scheduled =
      executor_->Schedule([this, task = std::move(task)]() mutable {
        task();
        // What the task holds goes before it counts as ended.
        task = nullptr;
        TaskEnded();
      });
  if (!scheduled.ok()) TaskEnded();
  return scheduled;
}

void TaskTracker::TaskEnded() {
  absl::MutexLock lock(&mutex_);
  --running_;
}

void TaskTracker::AwaitIdle() {
  absl::MutexLock lock(&mutex_);
  const auto idle = [this]() { return running_ == 0; };
  executor_->Await(&mutex_, absl::Condition(&idle), absl::InfiniteDuration());
}

}  // namespace cairn::chunk_storage
