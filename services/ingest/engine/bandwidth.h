#pragma once

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/concurrency/executor.h"
#include "common/concurrency/token_bucket.h"
#include "common/metrics/metric_registry.h"
#include "common/model/call.h"
#include "common/time/clock.h"

namespace cairn::ingest {

// What all streams of one direction may move in a second. Who moves a message
// waits its turn, so that streams that always have one share evenly, and who
// waits reads no further: the peer is held back, and nothing fails.
// Thread-safe.
class Bandwidth {
 public:
  // All outlive this.
  struct Dependencies {
    const Clock* clock = nullptr;
    Executor* executor = nullptr;
    Counter* throttled_seconds = nullptr;
  };

  // `bytes_per_second` 0: no limit.
  Bandwidth(uint64_t bytes_per_second, const Dependencies& dependencies);

  // Waits until `bytes` may pass. Cancelled: the token of `call` is.
  absl::Status Pass(const Call& call, uint64_t bytes);

  // Another rate for what comes from now on. Who waits already waits as long
  // as it was to.
  void SetRate(uint64_t bytes_per_second);

  uint64_t bytes_per_second() const;

 private:
  std::shared_ptr<TokenBucket> bucket() const;
  absl::Status Wait(const Call& call, absl::Duration wait);

  const Dependencies dependencies_;
  mutable absl::Mutex mutex_;
  // Null: no limit. Of the rate that a waiter began with, until it is through.
  std::shared_ptr<TokenBucket> bucket_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn::ingest
