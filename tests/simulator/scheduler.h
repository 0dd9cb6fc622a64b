#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/time/clock.h"
#include "tests/simulator/fiber.h"
#include "tests/simulator/trace.h"

namespace cairn::simulator {

// How long things take, drawn anew for every run so that runs differ in kind.
struct Tempo {
  double yield_at_lock = 0.02;  // how often somebody else goes first at a lock
  double medium_delay = 0.1;    // of all delays: up to 50 ms instead of 1
  double long_delay = 0.01;     // up to 5 s
  double stall = 0.001;         // up to 4 min, beyond every ttl
};

// The only clock of a simulation. Without a lock, which would be one more place
// where tasks meet.
class VirtualClock final : public Clock {
 public:
  absl::Time Now() const override { return start_ + passed_; }
  absl::Duration Monotonic() const override { return passed_; }
  void Advance(absl::Duration step) { passed_ += step; }

 private:
  const absl::Time start_ = absl::FromUnixSeconds(1767225600);
  absl::Duration passed_ = absl::Seconds(1000);
};

// Whose task it is, as far as the scheduler cares; also the clock as it has it.
// When it dies, what its tasks still wait for comes true by a leap of its
// clock, since nothing that they do counts any more.
class Party : public Clock {
 public:
  Party(const Clock* clock, std::string name)
      : clock_(clock), name_(std::move(name)) {}
  const std::string& name() const { return name_; }

  absl::Time Now() const override { return clock_->Now() + leap_; }
  absl::Duration Monotonic() const override {
    return clock_->Monotonic() + leap_;
  }
  void Leap() { leap_ += absl::Hours(1); }

  // Nothing of it moves before.
  absl::Duration paused_until() const { return paused_until_; }

 protected:
  void ResetParty() {
    leap_ = absl::ZeroDuration();
    paused_until_ = absl::ZeroDuration();
  }
  void set_paused_until(absl::Duration time) { paused_until_ = time; }

 private:
  const Clock* const clock_;
  const std::string name_;
  absl::Duration leap_ = absl::ZeroDuration();
  absl::Duration paused_until_ = absl::ZeroDuration();
};

// The one thread of a simulation. Everything runs in tasks, which are fibers;
// which goes on next, and what time it is then, is decided here, by numbers
// from one seed. A task gives way only in Sleep, Wait and at locks, which
// mutex_hooks.cc brings here.
class Scheduler {
 public:
  explicit Scheduler(uint64_t seed, Trace* trace);
  ~Scheduler();

  // One flow of control of a process.
  struct Task {
    uint64_t id = 0;
    std::string name;
    Party* party = nullptr;
    std::unique_ptr<Fiber> fiber;
    bool waiting = false;  // for a wake-up of this number:
    uint64_t wake = 0;
    bool patient = false;  // its wait ends early if its process dies
    bool gave_up = false;  // and has
    int locks = 0;
  };

  const VirtualClock& clock() const { return clock_; }
  absl::Duration now() const { return clock_.Monotonic(); }
  std::mt19937_64& random() { return random_; }
  Trace& trace() { return *trace_; }
  Tempo& tempo() { return tempo_; }
  // 0 <= result < bound.
  uint64_t Draw(uint64_t bound) { return random_() % bound; }
  bool Chance(double probability);
  absl::Duration DrawDelay();

  // Begins a task of `party` soon, or after `delay`; returns its id.
  uint64_t Spawn(Party* party, std::string name, Fiber::Body body,
                 std::optional<absl::Duration> delay = std::nullopt);
  // Runs `event` at that time, outside of all tasks; it does not wait.
  void At(absl::Duration time, std::function<void()> event);

  // Of the task that runs; null outside of all.
  Task* current() const { return current_; }
  void Sleep(absl::Duration duration);
  void Yield() { Sleep(DrawDelay()); }
  // Waits until Wake. False: `until` has come first, or the process dies.
  // A wake-up may be for nothing.
  bool Wait(absl::Duration until);
  // Soon, if it waits.
  void Wake(uint64_t task);

  // Runs one event. False: there is none.
  bool Step();
  // Runs what the tasks of a process that dies still do, while time stands
  // still and nobody else moves. False: some never end.
  bool Drain(Party* party);
  // Time passes while nothing happens.
  void Pass(absl::Duration time) { clock_.Advance(time); }
  // Called between two steps when nobody holds a lock.
  void SetQuietHook(std::function<void()> hook) { quiet_ = std::move(hook); }
  uint64_t steps() const { return steps_; }
  // What every task waits in, for a run that does not end.
  std::string DescribeTasks() const;

  // Of mutex_hooks.cc.
  void BeforeLock();
  void AwaitUnlock(const absl::Mutex* mutex);
  void NoteLocked();
  void NoteUnlocked(const absl::Mutex* mutex);
  // Releases `mutex`, waits until somebody else has held and unlocked it, as
  // Wait, and takes it again. `is_first`: what the caller did under it may be
  // what others wait for; or else it has only looked.
  bool WaitForChange(absl::Mutex* mutex, absl::Duration until, bool is_first);
  // Of the simulation that runs, if any; it need not run any more.
  static Scheduler* active();
  static void Abandon();

 private:
  // Of the queue: a wake-up of a task, or an event.
  struct Entry {
    uint64_t task = 0;
    uint64_t wake = 0;
    std::function<void()> event;
  };
  using Queue = std::map<std::pair<absl::Duration, uint64_t>, Entry>;

  void Push(absl::Duration time, Entry entry);
  Task* FindTask(uint64_t id);
  void Run(Entry entry);
  void Resume(Task* task);
  bool DrainOne(Party* party);
  bool EndPatience(Party* party);

  std::mt19937_64 random_;
  Trace* const trace_;
  Tempo tempo_;
  VirtualClock clock_;
  Queue queue_;
  uint64_t next_event_ = 1;
  uint64_t next_task_ = 1;
  std::map<uint64_t, std::unique_ptr<Task>> tasks_;
  Task* current_ = nullptr;
  // Tasks that wait for a mutex to be unlocked: to lock it, or for a change of
  // what it guards.
  struct Waiter {
    uint64_t task = 0;
    bool for_change = false;
  };
  bool WaitForUnlock(const absl::Mutex* mutex, absl::Duration until,
                     bool for_change);
  std::multimap<const absl::Mutex*, Waiter> unlock_waiters_;
  bool unlocks_quietly_ = false;
  int locks_ = 0;
  uint64_t steps_ = 0;
  std::function<void()> quiet_;
};

}  // namespace cairn::simulator
