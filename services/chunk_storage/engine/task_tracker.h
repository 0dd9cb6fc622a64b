#pragma once

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/concurrency/executor.h"

namespace cairn::chunk_storage {

// The engine's tasks on the shared executor, so that what they use outlives
// them. Thread-safe.
class TaskTracker {
 public:
  // `executor` outlives the tracker.
  explicit TaskTracker(Executor* executor) : executor_(executor) {}
  // Waits for every task.
  ~TaskTracker() { AwaitIdle(); }
  TaskTracker(const TaskTracker&) = delete;
  TaskTracker& operator=(const TaskTracker&) = delete;

  // As Executor::Schedule.
  absl::Status Schedule(Executor::Task task);
  void AwaitIdle();

 private:
  void TaskEnded();

  Executor* const executor_;
  absl::Mutex mutex_;
  uint64_t running_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace cairn::chunk_storage
