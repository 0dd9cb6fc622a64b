#pragma once

#include <atomic>

#include "absl/status/status.h"
#include "common/status/fatal_error.h"

namespace cairn::chunk_storage {

// Falls once: when durability became unknown. From then on every call is
// refused, and nothing is synced again. Thread-safe.
class FatalLatch {
 public:
  // `sink` outlives the latch.
  explicit FatalLatch(FatalErrorSink* sink) : sink_(sink) {}

  // Unavailable once the latch has fallen.
  absl::Status Check() const;
  // Lets it fall, reports `error` if it is the first, and returns what
  // Check returns from now on.
  absl::Status Fail(const absl::Status& error);

 private:
  FatalErrorSink* const sink_;
  std::atomic<bool> fallen_ = false;
};

}  // namespace cairn::chunk_storage
