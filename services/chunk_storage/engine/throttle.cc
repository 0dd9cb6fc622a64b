#include "services/chunk_storage/engine/throttle.h"

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/concurrency/cancellation.h"

namespace cairn::chunk_storage {

Throttle::Throttle(uint64_t bytes_per_second, Executor* executor,
                   const Clock* clock)
    : executor_(executor) {
  if (bytes_per_second > 0) {
    bucket_.emplace(TokenBucket::Options{.bytes_per_second = bytes_per_second},
                    clock);
  }
}

absl::Status Throttle::Pass(const Call& call, uint64_t bytes) {
  const CancellationToken* const token = call.cancellation;
  if (token != nullptr) {
    if (absl::Status ended = token->Check(); !ended.ok()) return ended;
  }
  if (!bucket_.has_value()) return absl::OkStatus();
  const absl::Duration wait = bucket_->Take(bytes);
  if (wait <= absl::ZeroDuration()) return absl::OkStatus();
  absl::Mutex mutex;
  bool cancelled = false;
  CancellationToken::CallbackId callback = 0;
  if (token != nullptr) {
    callback = token->AddCallback([&mutex, &cancelled] {
      absl::MutexLock lock(&mutex);
      cancelled = true;
    });
  }
  {
    absl::MutexLock lock(&mutex);
    executor_->Await(&mutex, absl::Condition(&cancelled), wait);
  }
  if (token == nullptr) return absl::OkStatus();
  token->RemoveCallback(callback);
  return token->Check();
}

}  // namespace cairn::chunk_storage
