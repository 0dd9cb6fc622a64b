#pragma once

#include <cstddef>
#include <cstdint>
#include <list>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/concurrency/cancellation.h"
#include "common/concurrency/executor.h"

namespace cairn {

// A bound on bytes in memory that many share: whoever wants to hold some
// waits until they fit. First come, first served, so a large request is not
// passed by small ones for ever. A request above the whole is admitted when
// nothing else is held. Thread-safe; outlives its grants.
class ByteBudget {
 public:
  // Bytes held. They go back when it goes. Movable, not thread-safe.
  class Grant {
   public:
    Grant() = default;
    Grant(Grant&& other) noexcept;
    Grant& operator=(Grant&& other) noexcept;
    ~Grant() { Release(); }

    uint64_t bytes() const { return bytes_; }
    void Release();
    // Gives back what is held above `bytes`.
    void ShrinkTo(uint64_t bytes);

   private:
    friend class ByteBudget;
    Grant(ByteBudget* budget, uint64_t bytes)
        : budget_(budget), bytes_(bytes) {}

    ByteBudget* budget_ = nullptr;
    uint64_t bytes_ = 0;
  };

  // `executor` outlives this.
  ByteBudget(uint64_t capacity_bytes, Executor* executor);

  // Waits in Executor::Await. `cancellation` may be null.
  // DeadlineExceeded: not there within `timeout`. Cancelled: cancelled first.
  absl::StatusOr<Grant> Acquire(uint64_t bytes, absl::Duration timeout,
                                const CancellationToken* cancellation)
      ABSL_LOCKS_EXCLUDED(mutex_);

  uint64_t capacity_bytes() const { return capacity_bytes_; }
  uint64_t used_bytes() const ABSL_LOCKS_EXCLUDED(mutex_);
  // How many wait now.
  size_t waiting() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Waiter {
    uint64_t bytes = 0;
    bool granted = false;
    bool cancelled = false;
    bool ended() const { return granted || cancelled; }
  };

  void GiveBack(uint64_t bytes) ABSL_LOCKS_EXCLUDED(mutex_);
  void GrantWaiting() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const uint64_t capacity_bytes_;
  Executor* const executor_;

  mutable absl::Mutex mutex_;
  uint64_t used_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  // Those of Acquire's frames, in order of coming.
  std::list<Waiter*> waiters_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn
