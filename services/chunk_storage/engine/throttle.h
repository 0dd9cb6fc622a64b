#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "common/concurrency/executor.h"
#include "common/concurrency/token_bucket.h"
#include "common/model/call.h"
#include "common/time/clock.h"

namespace cairn::chunk_storage {

// Keeps one call to a rate. For one thread.
class Throttle {
 public:
  // `bytes_per_second` 0: no limit. `executor` and `clock` outlive it.
  Throttle(uint64_t bytes_per_second, Executor* executor, const Clock* clock);

  // Waits until `bytes` may pass. Cancelled with the call, at once.
  absl::Status Pass(const Call& call, uint64_t bytes);

 private:
  Executor* const executor_;
  std::optional<TokenBucket> bucket_;
};

}  // namespace cairn::chunk_storage
