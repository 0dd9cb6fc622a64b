#include "common/rpc/retry.h"

#include <algorithm>
#include <optional>

#include "absl/random/distributions.h"
#include "common/concurrency/cancellation.h"
#include "common/status/retry_delay.h"

namespace cairn {
namespace {

// Waits for `delay`; Cancelled if `token` is cancelled first.
absl::Status Wait(Executor* executor, const CancellationToken* token,
                  absl::Duration delay) {
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
    executor->Await(&mutex, absl::Condition(&cancelled), delay);
  }
  if (token == nullptr) return absl::OkStatus();
  token->RemoveCallback(callback);
  return token->Check();
}

}  // namespace

bool IsRetryable(const absl::Status& error) {
  return absl::IsUnavailable(error) ||
         (!error.ok() && RetryDelayOf(error).has_value());
}

absl::Status Retrier::Run(const Call& call,
                          absl::FunctionRef<absl::Status()> attempt) {
  for (int failures = 0;; ++failures) {
    if (call.cancellation != nullptr) {
      if (absl::Status ended = call.cancellation->Check(); !ended.ok()) {
        return ended;
      }
    }
    const absl::Status status = attempt();
    if (status.ok() || !IsRetryable(status) ||
        failures + 1 >= options_.max_attempts) {
      return status;
    }
    const absl::Duration delay = NextDelay(failures, status);
    if (clock_->Now() + delay >= call.deadline) return status;
    if (absl::Status ended = Wait(executor_, call.cancellation, delay);
        !ended.ok()) {
      return ended;
    }
  }
}

absl::Duration Retrier::NextDelay(int failures, const absl::Status& error) {
  absl::Duration bound = options_.initial_backoff;
  for (int i = 0; i < failures && bound < options_.max_backoff; ++i) {
    bound *= 2;
  }
  bound = std::min(bound, options_.max_backoff);
  const absl::Duration least =
      RetryDelayOf(error).value_or(absl::ZeroDuration());
  absl::MutexLock lock(&mutex_);
  return least + bound * absl::Uniform(jitter_, 0.0, 1.0);
}

}  // namespace cairn
