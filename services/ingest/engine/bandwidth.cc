#include "services/ingest/engine/bandwidth.h"

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/concurrency/cancellation.h"
#include "common/status/status_macros.h"

namespace cairn::ingest {

Bandwidth::Bandwidth(uint64_t bytes_per_second,
                     const Dependencies& dependencies)
    : dependencies_(dependencies) {
  if (bytes_per_second == 0) return;
  bucket_.emplace(TokenBucket::Options{.bytes_per_second = bytes_per_second},
                  dependencies.clock);
}

absl::Status Bandwidth::Pass(const Call& call, uint64_t bytes) {
  if (!bucket_.has_value()) return absl::OkStatus();
  if (call.cancellation != nullptr) RETURN_IF_ERROR(call.cancellation->Check());
  const absl::Duration wait = bucket_->Take(bytes);
  if (wait <= absl::ZeroDuration()) return absl::OkStatus();
  const absl::Status status = Wait(call, wait);
  // Else streams that are opened and left would keep all others waiting.
  if (!status.ok()) bucket_->GiveBack(bytes);
  return status;
}

absl::Status Bandwidth::Wait(const Call& call, absl::Duration wait) {
  const absl::Duration start = dependencies_.clock->Monotonic();
  const CancellationToken* const token = call.cancellation;
  absl::Mutex mutex;  // of this wait alone
  bool cancelled = false;
  CancellationToken::CallbackId callback = 0;
  if (token != nullptr) {
    callback = token->AddCallback([&] {
      absl::MutexLock lock(&mutex);
      cancelled = true;
    });
  }
  {
    absl::MutexLock lock(&mutex);
    dependencies_.executor->Await(&mutex, absl::Condition(&cancelled), wait);
  }
  if (token != nullptr) token->RemoveCallback(callback);
  dependencies_.throttled_seconds->Increment(
      absl::ToDoubleSeconds(dependencies_.clock->Monotonic() - start));
  return token == nullptr ? absl::OkStatus() : token->Check();
}

}  // namespace cairn::ingest
