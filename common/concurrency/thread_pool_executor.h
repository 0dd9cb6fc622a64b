#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/concurrency/executor.h"
#include "common/time/clock.h"

namespace cairn {

// An Executor of a number of threads, and one more that waits for
// timers and hands their tasks to the others. Timers run on CLOCK_MONOTONIC.
//
// Await looks at the monotonic clock too, but sleeps by Abseil's wall clock
// in steps of a second: a jump of the wall clock back may lengthen one step
// (never a wait whose condition comes true).
class ThreadPoolExecutor final : public Executor {
 public:
  struct Options {
    // Names the threads: "<name>-0", cut to 15 characters.
    std::string name = "worker";
    int threads = 4;  // 1..1024
    // How much later than others the kernel runs its tasks where both want a
    // core: 0 (as the rest of the process) to 19, as nice(1).
    int niceness = 0;
    // Tasks that wait for a thread, those of timers not counted: each timer
    // belongs to an object whose number its owner bounds.
    size_t queue_limit = 1024;
  };

  // InvalidArgument: an option is out of range. ResourceExhausted: the
  // system gives no thread.
  static absl::StatusOr<std::unique_ptr<ThreadPoolExecutor>> Create(
      Options options);
  // As Shutdown.
  ~ThreadPoolExecutor() override;

  // Drops the timers that are not due, runs every task that was accepted,
  // and ends the threads. Not to be called from a task. Idempotent.
  void Shutdown();

  absl::Status Schedule(Task task) override;
  // After Shutdown the task is dropped, and Cancel returns false.
  TimerId ScheduleAfter(absl::Duration delay, Task task) override;
  // From within the timer's own task it returns false without waiting.
  bool Cancel(TimerId timer) override;
  bool Await(absl::Mutex* mutex, const absl::Condition& condition,
             absl::Duration timeout) override;

  // Tasks that wait for a thread now.
  size_t queued() const;

  // While it runs: from now on at least so many threads, and another limit of
  // the queue. Threads are never taken away. InvalidArgument,
  // ResourceExhausted: as Create.
  absl::Status EnsureThreads(int threads);
  void SetQueueLimit(size_t queue_limit);

 private:
  // A task, or the timer whose task is in due_tasks_ unless cancelled.
  struct Entry {
    Task task;
    TimerId timer = 0;
  };

  explicit ThreadPoolExecutor(Options options);
  absl::Status Start();
  // Up to `threads` of them. `join_mutex_` is held.
  absl::Status AddWorkers(int threads);
  void RunWorker(int index);
  void RunTimers();
  void RunEntry(Entry entry);
  bool CancelPending(TimerId timer, Task& task);

  const Options options_;
  const SystemClock clock_;

  // std::mutex and not absl::Mutex: its condition variable can wait on the
  // monotonic clock. It guards everything below.
  mutable std::mutex mutex_;
  std::condition_variable work_;        // queue_ or stopping_ changed
  std::condition_variable timers_due_;  // the first timer or stopping_ changed
  std::condition_variable timer_done_;  // running_ lost one
  bool stopping_ = false;
  size_t queue_limit_;
  // Set once the timer thread adds nothing more to queue_.
  bool timers_ended_ = false;
  std::deque<Entry> queue_;
  size_t queued_plain_ = 0;  // entries of queue_ that are no timers
  TimerId next_timer_ = 1;
  std::map<std::pair<absl::Duration, TimerId>, Task> timers_;
  absl::flat_hash_map<TimerId, absl::Duration> due_times_;  // of timers_
  absl::flat_hash_map<TimerId, Task> due_tasks_;            // of queue_
  absl::flat_hash_map<TimerId, std::thread::id> running_;

  std::mutex join_mutex_;  // serialises Shutdown; guards what follows
  std::vector<std::thread> threads_;
  int workers_ = 0;
};

}  // namespace cairn
