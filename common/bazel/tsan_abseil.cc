// Makes the thread sanitizer see the locks of a system Abseil that was built
// without it. Linked into every program under --config=tsan, never otherwise.
//
// Each function here takes the place of Abseil's own, calls it, and tells the
// sanitizer what order it gives: what a thread did before it let go of an
// object comes before what the next one does after taking it. Accesses made
// inside Abseil, and by conditions, which run under the lock but on the thread
// of whoever releases it, are not watched.

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

#include "absl/synchronization/barrier.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

extern "C" {
void __tsan_acquire(void* address);
void __tsan_release(void* address);
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
}

#define UNWATCHED __attribute__((no_sanitize("thread")))

namespace {

class ScopedUnwatched {
 public:
  UNWATCHED ScopedUnwatched() {
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  }
  UNWATCHED ~ScopedUnwatched() {
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  }
};

UNWATCHED void* FindReal(const char* mangled_name) {
  void* const real = dlsym(RTLD_NEXT, mangled_name);
  if (real == nullptr) {
    std::fprintf(stderr, "no function %s in the system's Abseil\n",
                 mangled_name);
    std::abort();
  }
  return real;
}

// Orders between threads that pass through `object`.
UNWATCHED void Take(const void* object) {
  __tsan_acquire(const_cast<void*>(object));
}
UNWATCHED void LetGo(const void* object) {
  __tsan_release(const_cast<void*>(object));
}

// Notification::HasBeenNotified() is inlined into callers: it reads the flag
// that follows the mutex.
UNWATCHED const void* FlagOf(const absl::Notification* notification) {
  return reinterpret_cast<const char*>(notification) + sizeof(absl::Mutex);
}

}  // namespace

// Calls the next definition of the function whose mangled name is given.
#define CALL_REAL(Result, name, Parameters, ...)                      \
  ([&]() UNWATCHED -> Result {                                        \
    static const auto real =                                          \
        reinterpret_cast<Result(*) Parameters>(FindReal("_ZN" name)); \
    const ScopedUnwatched unwatched;                                  \
    return real(__VA_ARGS__);                                         \
  }())

namespace absl {
ABSL_NAMESPACE_BEGIN

#define NAME(rest) "4absl7debian3" rest
#define CONST_NAME(rest) "K4absl7debian3" rest

UNWATCHED void Mutex::Lock() {
  CALL_REAL(void, NAME("5Mutex4LockEv"), (Mutex*), this);
  Take(this);
}

UNWATCHED void Mutex::Unlock() {
  LetGo(this);
  CALL_REAL(void, NAME("5Mutex6UnlockEv"), (Mutex*), this);
}

UNWATCHED bool Mutex::TryLock() {
  const bool taken = CALL_REAL(bool, NAME("5Mutex7TryLockEv"), (Mutex*), this);
  if (taken) Take(this);
  return taken;
}

UNWATCHED void Mutex::ReaderLock() {
  CALL_REAL(void, NAME("5Mutex10ReaderLockEv"), (Mutex*), this);
  Take(this);
}

UNWATCHED void Mutex::ReaderUnlock() {
  LetGo(this);
  CALL_REAL(void, NAME("5Mutex12ReaderUnlockEv"), (Mutex*), this);
}

UNWATCHED bool Mutex::ReaderTryLock() {
  const bool taken =
      CALL_REAL(bool, NAME("5Mutex13ReaderTryLockEv"), (Mutex*), this);
  if (taken) Take(this);
  return taken;
}

UNWATCHED void Mutex::Await(const Condition& condition) {
  LetGo(this);
  CALL_REAL(void, NAME("5Mutex5AwaitERKNS0_9ConditionE"),
            (Mutex*, const Condition&), this, condition);
  Take(this);
}

UNWATCHED bool Mutex::AwaitWithTimeout(const Condition& condition,
                                       Duration timeout) {
  LetGo(this);
  const bool held = CALL_REAL(
      bool, NAME("5Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE"),
      (Mutex*, const Condition&, Duration), this, condition, timeout);
  Take(this);
  return held;
}

UNWATCHED bool Mutex::AwaitWithDeadline(const Condition& condition,
                                        Time deadline) {
  LetGo(this);
  const bool held = CALL_REAL(
      bool, NAME("5Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE"),
      (Mutex*, const Condition&, Time), this, condition, deadline);
  Take(this);
  return held;
}

UNWATCHED void Mutex::LockWhen(const Condition& condition) {
  CALL_REAL(void, NAME("5Mutex8LockWhenERKNS0_9ConditionE"),
            (Mutex*, const Condition&), this, condition);
  Take(this);
}

UNWATCHED void Mutex::ReaderLockWhen(const Condition& condition) {
  CALL_REAL(void, NAME("5Mutex14ReaderLockWhenERKNS0_9ConditionE"),
            (Mutex*, const Condition&), this, condition);
  Take(this);
}

UNWATCHED bool Mutex::LockWhenWithTimeout(const Condition& condition,
                                          Duration timeout) {
  const bool held = CALL_REAL(
      bool, NAME("5Mutex19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE"),
      (Mutex*, const Condition&, Duration), this, condition, timeout);
  Take(this);
  return held;
}

UNWATCHED bool Mutex::LockWhenWithDeadline(const Condition& condition,
                                           Time deadline) {
  const bool held = CALL_REAL(
      bool, NAME("5Mutex20LockWhenWithDeadlineERKNS0_9ConditionENS0_4TimeE"),
      (Mutex*, const Condition&, Time), this, condition, deadline);
  Take(this);
  return held;
}

UNWATCHED void CondVar::Wait(Mutex* mutex) {
  LetGo(mutex);
  CALL_REAL(void, NAME("7CondVar4WaitEPNS0_5MutexE"), (CondVar*, Mutex*), this,
            mutex);
  Take(mutex);
}

UNWATCHED bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  LetGo(mutex);
  const bool expired = CALL_REAL(
      bool, NAME("7CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE"),
      (CondVar*, Mutex*, Duration), this, mutex, timeout);
  Take(mutex);
  return expired;
}

UNWATCHED bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  LetGo(mutex);
  const bool expired =
      CALL_REAL(bool, NAME("7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE"),
                (CondVar*, Mutex*, Time), this, mutex, deadline);
  Take(mutex);
  return expired;
}

UNWATCHED void Notification::Notify() {
  LetGo(FlagOf(this));
  CALL_REAL(void, NAME("12Notification6NotifyEv"), (Notification*), this);
}

UNWATCHED void Notification::WaitForNotification() const {
  CALL_REAL(void, CONST_NAME("12Notification19WaitForNotificationEv"),
            (const Notification*), this);
  Take(FlagOf(this));
}

UNWATCHED bool Notification::WaitForNotificationWithTimeout(
    Duration timeout) const {
  const bool notified = CALL_REAL(
      bool,
      CONST_NAME(
          "12Notification30WaitForNotificationWithTimeoutENS0_8DurationE"),
      (const Notification*, Duration), this, timeout);
  if (notified) Take(FlagOf(this));
  return notified;
}

UNWATCHED bool Notification::WaitForNotificationWithDeadline(
    Time deadline) const {
  const bool notified = CALL_REAL(
      bool,
      CONST_NAME("12Notification31WaitForNotificationWithDeadlineENS0_4TimeE"),
      (const Notification*, Time), this, deadline);
  if (notified) Take(FlagOf(this));
  return notified;
}

UNWATCHED bool BlockingCounter::DecrementCount() {
  LetGo(this);
  return CALL_REAL(bool, NAME("15BlockingCounter14DecrementCountEv"),
                   (BlockingCounter*), this);
}

UNWATCHED void BlockingCounter::Wait() {
  CALL_REAL(void, NAME("15BlockingCounter4WaitEv"), (BlockingCounter*), this);
  Take(this);
}

UNWATCHED bool Barrier::Block() {
  LetGo(this);
  const bool last = CALL_REAL(bool, NAME("7Barrier5BlockEv"), (Barrier*), this);
  Take(this);
  return last;
}

ABSL_NAMESPACE_END
}  // namespace absl
