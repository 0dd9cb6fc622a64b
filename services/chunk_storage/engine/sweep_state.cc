#include "services/chunk_storage/engine/sweep_state.h"

#include "absl/time/time.h"
#include "common/concurrency/cancellation.h"
#include "common/status/status_macros.h"

namespace cairn::chunk_storage {

void SweepState::Begin(const CurrentSweep& sweep) {
  absl::MutexLock lock(&mutex_);
  current_ = sweep;
}

void SweepState::End(uint64_t token) {
  absl::MutexLock lock(&mutex_);
  if (current_.has_value() && current_->guard.token == token) current_.reset();
}

absl::StatusOr<CurrentSweep> SweepState::Find(uint64_t token) const {
  const StoredDatastore row = state_->row();
  absl::MutexLock lock(&mutex_);
  if (!current_.has_value() || current_->guard.token != token ||
      row.token != token || row.ref.generation != current_->guard.generation) {
    return SweepLost(row.ref, token);
  }
  return *current_;
}

absl::StatusOr<std::unique_ptr<SweepState::Turn>> SweepState::TakeTurn(
    const Call& call) {
  const CancellationToken* const token = call.cancellation;
  bool cancelled = false;
  CancellationToken::CallbackId callback = 0;
  if (token != nullptr) {
    RETURN_IF_ERROR(token->Check());
    callback = token->AddCallback([this, &cancelled] {
      absl::MutexLock lock(&mutex_);
      cancelled = true;
    });
  }
  bool taken = false;
  {
    absl::MutexLock lock(&mutex_);
    const auto free = [this, &cancelled]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return !busy_ || cancelled;
    };
    executor_->Await(&mutex_, absl::Condition(&free), absl::InfiniteDuration());
    taken = !busy_;
    if (taken) busy_ = true;
  }
  if (token != nullptr) token->RemoveCallback(callback);
  if (!taken) return token->Check();
  return std::make_unique<Turn>(this);
}

void SweepState::Leave() {
  absl::MutexLock lock(&mutex_);
  busy_ = false;
}

}  // namespace cairn::chunk_storage
