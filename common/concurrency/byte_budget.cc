#include "common/concurrency/byte_budget.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace cairn {

ByteBudget::Grant::Grant(Grant&& other) noexcept
    : budget_(std::exchange(other.budget_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)) {}

ByteBudget::Grant& ByteBudget::Grant::operator=(Grant&& other) noexcept {
  if (this != &other) {
    Release();
    budget_ = std::exchange(other.budget_, nullptr);
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

void ByteBudget::Grant::Release() {
  if (budget_ != nullptr) budget_->GiveBack(bytes_);
  budget_ = nullptr;
  bytes_ = 0;
}

void ByteBudget::Grant::ShrinkTo(uint64_t bytes) {
  if (budget_ == nullptr || bytes >= bytes_) return;
  budget_->GiveBack(bytes_ - bytes);
  bytes_ = bytes;
}

ByteBudget::ByteBudget(uint64_t capacity_bytes, Executor* executor)
    : capacity_bytes_(capacity_bytes), executor_(executor) {}

absl::StatusOr<ByteBudget::Grant> ByteBudget::Acquire(
    uint64_t bytes, absl::Duration timeout,
    const CancellationToken* cancellation) {
  Waiter waiter{.bytes = bytes};
  CancellationToken::CallbackId callback = 0;
  if (cancellation != nullptr) {
    callback = cancellation->AddCallback([this, &waiter] {
      absl::MutexLock lock(&mutex_);
      waiter.cancelled = true;
    });
  }
  {
    absl::MutexLock lock(&mutex_);
    waiters_.push_back(&waiter);
    GrantWaiting();
    executor_->Await(&mutex_, absl::Condition(&waiter, &Waiter::ended),
                     timeout);
    if (!waiter.granted) {
      waiters_.remove(&waiter);
      GrantWaiting();  // those behind it may fit
    }
  }
  if (cancellation != nullptr) cancellation->RemoveCallback(callback);
  // Nobody else knows the waiter now.
  if (waiter.granted) return Grant(this, bytes);
  if (waiter.cancelled) {
    return absl::CancelledError(
        absl::StrCat("wait for ", bytes, " bytes of memory was cancelled"));
  }
  return absl::DeadlineExceededError(absl::StrCat(
      "no room for ", bytes, " bytes within ", absl::FormatDuration(timeout),
      ", the limit is ", capacity_bytes_, " bytes at once"));
}

uint64_t ByteBudget::used_bytes() const {
  absl::MutexLock lock(&mutex_);
  return used_bytes_;
}

size_t ByteBudget::waiting() const {
  absl::MutexLock lock(&mutex_);
  return waiters_.size();
}

void ByteBudget::GiveBack(uint64_t bytes) {
  absl::MutexLock lock(&mutex_);
  used_bytes_ -= bytes;
  GrantWaiting();
}

void ByteBudget::GrantWaiting() {
  while (!waiters_.empty()) {
    Waiter* const first = waiters_.front();
    const bool fits =
        used_bytes_ == 0 || (used_bytes_ <= capacity_bytes_ &&
                             first->bytes <= capacity_bytes_ - used_bytes_);
    if (!fits) return;
    used_bytes_ += first->bytes;
    first->granted = true;
    waiters_.pop_front();
  }
}

}  // namespace cairn
