#include "common/concurrency/cancellation.h"

#include <algorithm>

namespace cairn {

void CancellationToken::Cancel() {
  absl::MutexLock lock(&mutex_);
  if (cancelled_.exchange(true, std::memory_order_acq_rel)) return;
  while (!callbacks_.empty()) {
    running_ = callbacks_.front().first;
    Callback callback = std::move(callbacks_.front().second);
    callbacks_.erase(callbacks_.begin());
    mutex_.Unlock();
    callback();
    // What the callback holds goes before RemoveCallback returns.
    callback = nullptr;
    mutex_.Lock();
    running_ = 0;
  }
}

absl::Status CancellationToken::Check() const {
  if (!cancelled()) return absl::OkStatus();
  return absl::CancelledError("operation was cancelled");
}

CancellationToken::CallbackId CancellationToken::AddCallback(
    Callback callback) const {
  CallbackId id;
  {
    absl::MutexLock lock(&mutex_);
    id = next_id_++;
    if (!cancelled_.load(std::memory_order_relaxed)) {
      callbacks_.emplace_back(id, std::move(callback));
      return id;
    }
  }
  callback();
  return id;
}

void CancellationToken::RemoveCallback(CallbackId id) const {
  absl::MutexLock lock(&mutex_);
  const auto found =
      std::find_if(callbacks_.begin(), callbacks_.end(),
                   [id](const auto& entry) { return entry.first == id; });
  if (found != callbacks_.end()) {
    callbacks_.erase(found);
    return;
  }
  const auto ended = [this, id]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return running_ != id;
  };
  mutex_.Await(absl::Condition(&ended));
}

}  // namespace cairn
