#include "services/ingest/engine/stream_budget.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/concurrency/cancellation.h"
#include "common/status/reason.h"
#include "common/status/retry_delay.h"

namespace cairn::ingest {
namespace {

// A stream that ends gives its memory back; who was refused has waited.
constexpr absl::Duration kRetryDelay = absl::Seconds(5);

}  // namespace

absl::StatusOr<std::shared_ptr<StreamBudget::Account>> StreamBudget::Open(
    const Call& call, uint64_t guaranteed, absl::Duration patience) {
  const CancellationToken* const token = call.cancellation;
  CancellationToken::CallbackId callback = 0;
  // The lock makes the waiter below look again.
  if (token != nullptr) {
    callback = token->AddCallback([this] { absl::MutexLock lock(&mutex_); });
  }
  bool admitted = false;
  bool cancelled = false;
  {
    absl::MutexLock lock(&mutex_);
    const auto can_decide = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      cancelled = token != nullptr && token->cancelled();
      return cancelled || reserved_ + guaranteed <= options_.process_bytes;
    };
    admitted =
        executor_->Await(&mutex_, absl::Condition(&can_decide), patience) &&
        !cancelled;
    if (admitted) reserved_ += guaranteed;
  }
  if (token != nullptr) token->RemoveCallback(callback);
  if (cancelled) return absl::CancelledError("stream was cancelled");
  if (!admitted) {
    return WithRetryDelay(
        WithReason(absl::ResourceExhaustedError(absl::StrCat(
                       "streams hold ", reserved_bytes(),
                       " bytes of memory, allowed are ", options_.process_bytes,
                       ", and this one needs ", guaranteed,
                       "; try again later, with fewer streams at one time")),
                   reason::kLimitExceeded),
        kRetryDelay);
  }
  return std::shared_ptr<Account>(new Account(this, guaranteed));
}

uint64_t StreamBudget::reserved_bytes() const {
  absl::MutexLock lock(&mutex_);
  return reserved_;
}

StreamBudget::Account::~Account() {
  absl::MutexLock lock(&budget_->mutex_);
  budget_->reserved_ -= std::max(guaranteed_, in_use_);
}

bool StreamBudget::Account::FitsLocked(uint64_t bytes) const {
  const uint64_t wanted = in_use_ + bytes;
  if (wanted <= guaranteed_) return true;
  const StreamBudget::Options& options = budget_->options_;
  if (wanted > std::max(options.stream_bytes, guaranteed_)) return false;
  return budget_->reserved_ + wanted - std::max(guaranteed_, in_use_) <=
         options.process_bytes;
}

void StreamBudget::Account::SetInUseLocked(uint64_t in_use) {
  budget_->reserved_ -= std::max(guaranteed_, in_use_);
  in_use_ = in_use;
  budget_->reserved_ += std::max(guaranteed_, in_use_);
}

bool StreamBudget::Account::TryAcquire(uint64_t bytes) {
  absl::MutexLock lock(&budget_->mutex_);
  if (closed_ || !FitsLocked(bytes)) return false;
  SetInUseLocked(in_use_ + bytes);
  return true;
}

absl::Status StreamBudget::Account::Acquire(uint64_t bytes) {
  absl::MutexLock lock(&budget_->mutex_);
  const auto can_return = [this, bytes] {
    return closed_ || FitsLocked(bytes);
  };
  budget_->executor_->Await(&budget_->mutex_, absl::Condition(&can_return),
                            absl::InfiniteDuration());
  if (closed_) return absl::CancelledError("stream has ended");
  SetInUseLocked(in_use_ + bytes);
  return absl::OkStatus();
}

void StreamBudget::Account::AcquireBeyondLimit(uint64_t bytes) {
  absl::MutexLock lock(&budget_->mutex_);
  SetInUseLocked(in_use_ + bytes);
}

void StreamBudget::Account::Release(uint64_t bytes) {
  absl::MutexLock lock(&budget_->mutex_);
  SetInUseLocked(in_use_ - bytes);
}

void StreamBudget::Account::Close() {
  absl::MutexLock lock(&budget_->mutex_);
  closed_ = true;
}

}  // namespace cairn::ingest
