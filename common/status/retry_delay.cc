#include "common/status/retry_delay.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace cairn {
namespace {

// The payload is the delay in milliseconds, in decimal digits.
constexpr char kTypeUrl[] = "cairn/retry-delay";

}  // namespace

absl::Status WithRetryDelay(absl::Status status, absl::Duration delay) {
  if (status.ok()) return status;
  delay = std::clamp(delay, absl::ZeroDuration(), kMaxRetryDelay);
  status.SetPayload(kTypeUrl,
                    absl::Cord(absl::StrCat(absl::ToInt64Milliseconds(delay))));
  return status;
}

std::optional<absl::Duration> RetryDelayOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kTypeUrl);
  if (!payload.has_value()) return std::nullopt;
  int64_t milliseconds = 0;
  if (!absl::SimpleAtoi(std::string(*payload), &milliseconds)) {
    return std::nullopt;
  }
  return std::clamp(absl::Milliseconds(milliseconds), absl::ZeroDuration(),
                    kMaxRetryDelay);
}

}  // namespace cairn
