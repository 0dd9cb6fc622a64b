#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/concurrency/executor.h"
#include "common/status/fatal_error.h"
#include "tests/simulator/scheduler.h"

namespace cairn::simulator {

class Process;

// The executor of one life of a process: every task is a task of the
// scheduler. Timers that are not due when the process dies never run.
class SimExecutor final : public Executor {
 public:
  SimExecutor(Scheduler* scheduler, Process* process)
      : scheduler_(scheduler), process_(process) {}

  absl::Status Schedule(Task task) override;
  TimerId ScheduleAfter(absl::Duration delay, Task task) override;
  bool Cancel(TimerId timer) override;
  bool Await(absl::Mutex* mutex, const absl::Condition& condition,
             absl::Duration timeout) override;

  void DropTimers() { timers_.clear(); }

 private:
  void RunTimer(TimerId timer);

  Scheduler* const scheduler_;
  Process* const process_;
  TimerId next_timer_ = 1;
  std::map<TimerId, Task> timers_;
  // Those that run now, by the task that does.
  std::map<TimerId, uint64_t> running_;
  // Tasks that wait for one of them to end.
  std::multimap<TimerId, uint64_t> waiting_;
};

// A process that can be killed, lose power, stand still and start again, with
// what of it is durable. What it does when it is dead has no effect: its disk
// takes nothing any more, its calls are Unavailable, and nobody hears from it.
class Process : public Party, public FatalErrorSink {
 public:
  Process(Scheduler* scheduler, std::string name)
      : Party(&scheduler->clock(), std::move(name)),
        scheduler_(scheduler),
        executor_(scheduler, this) {}
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  Scheduler& scheduler() { return *scheduler_; }
  SimExecutor& executor() { return executor_; }
  // Serves calls.
  bool serves() const { return serves_; }
  // Killed, and its tasks are about to end.
  bool dying() const { return dying_; }
  bool up() const { return up_; }
  // Grows with every start.
  uint64_t life() const { return life_; }
  void PauseUntil(absl::Duration time);

  // Begins to start. Only when it is down.
  void Start();
  // Ends it as kill -9 does; with `power_cut` it loses what is not durable.
  // Not from a task of its own. Internal: its tasks do not come to an end.
  absl::Status Kill(bool power_cut);
  // A reported error of the disk: the process is to be killed.
  bool has_failed() const { return failed_; }
  void Report(const absl::Status& error) override;

 protected:
  // Starts serving on what is durable, in a task of the process. It is killed
  // if that fails.
  virtual absl::Status Open() = 0;
  // Destroys what Open made, in a task of the process, after all others have
  // ended.
  virtual void Close() = 0;
  // From now on the disk takes nothing.
  virtual void Freeze() = 0;
  // It does again. `power_cut`: what was not durable is lost, or some of it.
  virtual void Thaw(bool power_cut) = 0;
  // Somebody waits for an answer of a life that has ended.
  virtual void BreakConnections() {}

 private:
  Scheduler* const scheduler_;
  SimExecutor executor_;
  bool up_ = false;
  bool serves_ = false;
  bool dying_ = false;
  bool failed_ = false;
  uint64_t life_ = 0;
};

// Who calls the services: it has no disk and does not die.
class Outside final : public Process {
 public:
  explicit Outside(Scheduler* scheduler) : Process(scheduler, "client") {}

 protected:
  absl::Status Open() override { return absl::OkStatus(); }
  void Close() override {}
  void Freeze() override {}
  void Thaw(bool) override {}
};

}  // namespace cairn::simulator
