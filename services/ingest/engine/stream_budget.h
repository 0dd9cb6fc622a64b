#pragma once

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/concurrency/executor.h"
#include "common/model/call.h"

namespace cairn::ingest {

// Bounds the bytes that streams hold in memory, each and together. A stream
// is admitted only with a guarantee that is large enough for its next step,
// and takes more from what is left: so no set of streams can hold all memory
// and wait for each other. Thread-safe. Outlives its accounts.
class StreamBudget {
 public:
  struct Options {
    uint64_t process_bytes = uint64_t{96} << 20;
    uint64_t stream_bytes = uint64_t{32} << 20;
  };

  // The bytes of one stream. Thread-safe. Gives its guarantee back when it
  // goes; all it acquired was released before.
  class Account {
   public:
    ~Account();
    Account(const Account&) = delete;
    Account& operator=(const Account&) = delete;

    // False: the stream or the process holds too much already.
    bool TryAcquire(uint64_t bytes);
    // Waits until it can. Cancelled: Close was called.
    absl::Status Acquire(uint64_t bytes);
    // Takes the bytes in any case: for a stream that holds nothing and could
    // never go on otherwise.
    void AcquireBeyondLimit(uint64_t bytes);
    void Release(uint64_t bytes);
    // Acquire fails from now on.
    void Close();

   private:
    friend class StreamBudget;
    Account(StreamBudget* budget, uint64_t guaranteed)
        : budget_(budget), guaranteed_(guaranteed) {}

    bool FitsLocked(uint64_t bytes) const;
    void SetInUseLocked(uint64_t in_use);

    StreamBudget* const budget_;
    const uint64_t guaranteed_;
    // Guarded by the budget's mutex.
    uint64_t in_use_ = 0;
    bool closed_ = false;
  };

  // `executor` outlives the budget.
  StreamBudget(const Options& options, Executor* executor)
      : options_(options), executor_(executor) {}

  // Waits at most `patience` for the guarantee. ResourceExhausted
  // (LIMIT_EXCEEDED): other streams hold the memory. Cancelled.
  absl::StatusOr<std::shared_ptr<Account>> Open(const Call& call,
                                                uint64_t guaranteed,
                                                absl::Duration patience);

  // What is guaranteed or in use.
  uint64_t reserved_bytes() const;

 private:
  const Options options_;
  Executor* const executor_;
  mutable absl::Mutex mutex_;
  uint64_t reserved_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace cairn::ingest
