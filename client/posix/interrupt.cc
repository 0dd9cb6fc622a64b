#include "client/posix/interrupt.h"

#include <algorithm>

namespace cairn::client {

absl::Status Interrupt::Check() const {
  return raised() ? absl::CancelledError("interrupted") : absl::OkStatus();
}

bool Interrupt::Await(absl::Mutex* mutex, const absl::Condition& condition,
                      absl::Duration timeout) const {
  while (!raised()) {
    const absl::Duration step = std::min(timeout, kPoll);
    if (mutex->AwaitWithTimeout(condition, step)) return true;
    timeout -= step;
    if (timeout <= absl::ZeroDuration()) return false;
  }
  return condition.Eval();
}

void Interrupt::Sleep(absl::Duration duration) const {
  absl::Mutex mutex;
  absl::MutexLock lock(&mutex);
  bool never = false;
  Await(&mutex, absl::Condition(&never), duration);
}

}  // namespace cairn::client
