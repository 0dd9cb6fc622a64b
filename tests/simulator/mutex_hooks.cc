// Locks of a simulation. All tasks share one thread, so a lock that is held
// by another task must give way to it instead of blocking; and a lock is where
// tasks meet, so it is also where the scheduler may let another go first. The
// linker brings every use of absl::Mutex here (--wrap in BUILD.bazel); what
// is not of a task goes on to Abseil.
#include "absl/synchronization/mutex.h"
#include "tests/simulator/scheduler.h"

// As the linker names them; Debian's Abseil is absl::debian3.
#define MUTEX_SYMBOL(name) _ZN4absl7debian35Mutex##name##Ev
#define MUTEX_AWAIT _ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE
#define CONCAT(a, b) a##b
#define WRAP(symbol) CONCAT(__wrap_, symbol)
#define REAL(symbol) CONCAT(__real_, symbol)

extern "C" {

void REAL(MUTEX_SYMBOL(4Lock))(absl::Mutex*);
void REAL(MUTEX_SYMBOL(6Unlock))(absl::Mutex*);
void REAL(MUTEX_SYMBOL(10ReaderLock))(absl::Mutex*);
void REAL(MUTEX_SYMBOL(12ReaderUnlock))(absl::Mutex*);
void REAL(MUTEX_AWAIT)(absl::Mutex*, const absl::Condition&);

void WRAP(MUTEX_SYMBOL(4Lock))(absl::Mutex* mutex)
    ABSL_NO_THREAD_SAFETY_ANALYSIS {
  auto* const scheduler = cairn::simulator::Scheduler::active();
  if (scheduler == nullptr || scheduler->current() == nullptr) {
    REAL(MUTEX_SYMBOL(4Lock))(mutex);
    return;
  }
  scheduler->BeforeLock();
  while (!mutex->TryLock()) scheduler->AwaitUnlock(mutex);
  scheduler->NoteLocked();
}

void WRAP(MUTEX_SYMBOL(6Unlock))(absl::Mutex* mutex) {
  REAL(MUTEX_SYMBOL(6Unlock))(mutex);
  auto* const scheduler = cairn::simulator::Scheduler::active();
  if (scheduler != nullptr) scheduler->NoteUnlocked(mutex);
}

void WRAP(MUTEX_SYMBOL(10ReaderLock))(absl::Mutex* mutex)
    ABSL_NO_THREAD_SAFETY_ANALYSIS {
  auto* const scheduler = cairn::simulator::Scheduler::active();
  if (scheduler == nullptr || scheduler->current() == nullptr) {
    REAL(MUTEX_SYMBOL(10ReaderLock))(mutex);
    return;
  }
  scheduler->BeforeLock();
  while (!mutex->ReaderTryLock()) scheduler->AwaitUnlock(mutex);
  scheduler->NoteLocked();
}

void WRAP(MUTEX_SYMBOL(12ReaderUnlock))(absl::Mutex* mutex) {
  REAL(MUTEX_SYMBOL(12ReaderUnlock))(mutex);
  auto* const scheduler = cairn::simulator::Scheduler::active();
  if (scheduler != nullptr) scheduler->NoteUnlocked(mutex);
}

void WRAP(MUTEX_AWAIT)(absl::Mutex* mutex, const absl::Condition& condition)
    ABSL_NO_THREAD_SAFETY_ANALYSIS {
  auto* const scheduler = cairn::simulator::Scheduler::active();
  if (scheduler == nullptr || scheduler->current() == nullptr) {
    REAL(MUTEX_AWAIT)(mutex, condition);
    return;
  }
  for (bool is_first = true; !condition.Eval(); is_first = false) {
    scheduler->WaitForChange(mutex, absl::InfiniteDuration(), is_first);
  }
}

}  // extern "C"
