#include "common/concurrency/token_bucket.h"

#include <algorithm>

namespace cairn {
namespace {

constexpr uint64_t kMaxBytesPerSecond = uint64_t{1} << 50;
// Taken at one time: no sum of times overflows.
constexpr uint64_t kMaxBytes = uint64_t{1} << 50;

}  // namespace

TokenBucket::TokenBucket(const Options& options, const Clock* clock)
    : options_({.bytes_per_second = std::clamp<uint64_t>(
                    options.bytes_per_second, 1, kMaxBytesPerSecond),
                .burst = std::max(options.burst, absl::ZeroDuration())}),
      clock_(clock),
      busy_until_(clock->Monotonic()) {}

absl::Duration TokenBucket::TimeOf(uint64_t bytes) const {
  const auto amount =
      static_cast<int64_t>(std::min<uint64_t>(bytes, kMaxBytes));
  return absl::Seconds(amount) /
         static_cast<int64_t>(options_.bytes_per_second);
}

void TokenBucket::GiveBack(uint64_t bytes) {
  absl::MutexLock lock(&mutex_);
  busy_until_ -= TimeOf(bytes);
}

absl::Duration TokenBucket::Take(uint64_t bytes) {
  absl::MutexLock lock(&mutex_);
  // Under the lock: the times of two who come together do not cross.
  const absl::Duration now = clock_->Monotonic();
  busy_until_ = std::max(busy_until_, now - options_.burst) + TimeOf(bytes);
  return std::max(busy_until_ - now, absl::ZeroDuration());
}

}  // namespace cairn
