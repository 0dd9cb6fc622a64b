#pragma once

#include <atomic>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace cairn::client {

// Whether the user has asked this process to stop. Raise may be called by a
// signal handler, which can take no lock: so those who wait look at the flag
// every kPoll. Thread-safe.
class Interrupt {
 public:
  static constexpr absl::Duration kPoll = absl::Milliseconds(100);

  void Raise() noexcept { raised_.store(true, std::memory_order_release); }
  bool raised() const { return raised_.load(std::memory_order_acquire); }

  // Cancelled if raised, else OK.
  absl::Status Check() const;

  // Releases `mutex` until `condition` holds, `timeout` has passed or the
  // flag is raised. True if the condition holds.
  bool Await(absl::Mutex* mutex, const absl::Condition& condition,
             absl::Duration timeout) const;

  // Returns after `duration`, or soon after the flag is raised.
  void Sleep(absl::Duration duration) const;

 private:
  std::atomic<bool> raised_ = false;
  static_assert(std::atomic<bool>::is_always_lock_free);
};

}  // namespace cairn::client
