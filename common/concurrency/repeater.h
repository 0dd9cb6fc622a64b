#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/concurrency/executor.h"
#include "common/time/clock.h"

namespace cairn {

// Does the same again and again on an executor, one at a time. Thread-safe.
class Repeater {
 public:
  // What takes long is done more seldom, so that it keeps a thread busy for
  // at most this share of the time.
  static constexpr double kMaxShare = 0.05;

  // `period`: from the end of one run to the start of the next. `executor`
  // and `clock` outlive the repeater.
  Repeater(absl::Duration period, Executor* executor, const Clock* clock,
           absl::AnyInvocable<void()> run);
  // As Stop.
  ~Repeater();
  Repeater(const Repeater&) = delete;
  Repeater& operator=(const Repeater&) = delete;

  // Schedules the first run at once. Call it once.
  void Start();
  // Waits for the end of a running run, and starts no other. Idempotent. Not
  // to be called from the executor's tasks.
  void Stop();

 private:
  void RunOnce();
  void Schedule(absl::Duration delay);

  const absl::Duration period_;
  Executor* const executor_;
  const Clock* const clock_;
  absl::AnyInvocable<void()> run_;  // by one run at a time

  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  Executor::TimerId timer_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace cairn
