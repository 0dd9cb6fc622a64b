#include "services/ingest/engine/bandwidth.h"

#include "absl/time/time.h"
#include "common/concurrency/cancellation.h"
#include "common/status/status_macros.h"

namespace cairn::ingest {

Bandwidth::Bandwidth(uint64_t bytes_per_second,
                     const Dependencies& dependencies)
    : dependencies_(dependencies) {
  SetRate(bytes_per_second);
}

void Bandwidth::SetRate(uint64_t bytes_per_second) {
  absl::MutexLock lock(&mutex_);
  const uint64_t now = bucket_ == nullptr ? 0 : bucket_->bytes_per_second();
  if (bytes_per_second == now) return;
  bucket_ =
      bytes_per_second == 0
          ? nullptr
          : std::make_shared<TokenBucket>(
                TokenBucket::Options{.bytes_per_second = bytes_per_second},
                dependencies_.clock);
}

std::shared_ptr<TokenBucket> Bandwidth::bucket() const {
  absl::MutexLock lock(&mutex_);
  return bucket_;
}

uint64_t Bandwidth::bytes_per_second() const {
  const std::shared_ptr<TokenBucket> found = bucket();
  return found == nullptr ? 0 : found->bytes_per_second();
}

absl::Status Bandwidth::Pass(const Call& call, uint64_t bytes) {
  const std::shared_ptr<TokenBucket> taken_from = bucket();
  if (taken_from == nullptr) return absl::OkStatus();
  if (call.cancellation != nullptr) RETURN_IF_ERROR(call.cancellation->Check());
  const absl::Duration wait = taken_from->Take(bytes);
  if (wait <= absl::ZeroDuration()) return absl::OkStatus();
  const absl::Status status = Wait(call, wait);
  // Else streams that are opened and left would keep all others waiting.
  if (!status.ok()) taken_from->GiveBack(bytes);
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
