#pragma once

#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace cairn {

// Set once by whoever may cancel an operation, read by the operation.
// Thread-safe.
class CancellationToken {
 public:
  using Callback = absl::AnyInvocable<void()>;
  using CallbackId = uint64_t;

  // Runs the callbacks, on this thread and without a lock held, the first
  // time.
  void Cancel();
  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }
  // Cancelled with a text if cancelled, else OK.
  absl::Status Check() const;

  // Runs `callback` once when the token is cancelled; at once, on this
  // thread, if it already is. A callback is short, does not block, and does
  // not add or remove callbacks. Those who watch an operation add them, so
  // the token is const for them.
  CallbackId AddCallback(Callback callback) const;

  // After the return the callback is not running and will not run. Not to be
  // called with a lock held that the callback takes.
  void RemoveCallback(CallbackId id) const;

 private:
  std::atomic<bool> cancelled_ = false;
  mutable absl::Mutex mutex_;
  mutable CallbackId next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  // In the order of adding; few, so a scan finds one.
  mutable std::vector<std::pair<CallbackId, Callback>> callbacks_
      ABSL_GUARDED_BY(mutex_);
  // The callback that Cancel runs now, 0 if none.
  CallbackId running_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace cairn
