#include "client/remote/retry_budget.h"

#include <algorithm>

#include "absl/random/random.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/posix/local_error.h"
#include "common/status/reason.h"
#include "common/status/retry_delay.h"

namespace cairn::client {

bool IsPassing(const absl::Status& error) {
  if (IsLocalError(error)) return false;
  if (HasReason(error, reason::kStorageFull)) return false;
  if (!error.ok() && RetryDelayOf(error).has_value()) return true;
  switch (error.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return true;
    case absl::StatusCode::kFailedPrecondition:
      // The server has not yet noticed that our stream before is dead.
      return HasReason(error, reason::kArchiveOpen);
    case absl::StatusCode::kOutOfRange:
      return HasReason(error, reason::kOffsetMismatch);
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
      // How gRPC words some connection losses.
      return absl::StrContains(error.message(), "RST_STREAM") ||
             absl::StrContains(error.message(), "Stream removed");
    default:
      return false;
  }
}

absl::Status RetryBudget::WaitAfter(const absl::Status& error) {
  if (!IsPassing(error)) return error;
  const absl::Duration now = clock_->Monotonic();
  if (failures_ == 0) trouble_since_ = now;
  const absl::Duration left = options_.total - (now - trouble_since_);
  if (left <= absl::ZeroDuration()) {
    return WithContext(error,
                       absl::StrCat("gave up after ", failures_, " retries in ",
                                    absl::FormatDuration(options_.total)));
  }
  const absl::Duration least =
      RetryDelayOf(error).value_or(absl::ZeroDuration());
  if (least > left) {
    return WithContext(
        error, absl::StrCat("gave up after ", failures_,
                            " retries, the server asks to wait ",
                            absl::FormatDuration(least), " and there are ",
                            absl::FormatDuration(left), " left to retry in"));
  }
  absl::Duration bound = options_.initial_backoff;
  for (int i = 0; i < failures_ && bound < options_.max_backoff; ++i) {
    bound *= 2;
  }
  bound = std::min(bound, options_.max_backoff);
  const double share = absl::Uniform<double>(jitter_, 0.0, 1.0);
  // Above what the server asked for, so that not all who were told come back
  // at one moment.
  const absl::Duration wait = std::min(left, least + bound * share);
  ++failures_;
  ++retries_;
  listener_(error, wait);
  sleep_(wait);
  return absl::OkStatus();
}

void RetryBudget::Progress() { failures_ = 0; }

}  // namespace cairn::client
