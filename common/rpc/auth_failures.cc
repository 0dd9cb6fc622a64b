#include "common/rpc/auth_failures.h"

#include <string>
#include <utility>

#include "common/log/log.h"

namespace cairn {
namespace {

constexpr std::string_view kNames[kAuthFailures] = {
    "handshake",         "no_credentials", "bad_token",  "token_not_allowed",
    "token_unavailable", "unknown_method", "wrong_role", "wrong_service",
    "wrong_scope",       "not_owner",
};

}  // namespace

std::string_view AuthFailureName(AuthFailure failure) {
  return kNames[static_cast<size_t>(failure)];
}

AuthFailures::AuthFailures(MetricRegistry* registry, const Clock* clock)
    : clock_(clock) {
  for (int i = 0; i < kAuthFailures; ++i) {
    counters_[i] = &registry->AddCounter(
        "cairn_auth_failures_total",
        "Connections and calls that were refused, by why.",
        {{"reason", std::string(kNames[i])}});
  }
}

void AuthFailures::Refused(AuthFailure failure, std::string_view peer,
                           std::string_view principal, std::string_view method,
                           std::string_view why) {
  counters_[static_cast<size_t>(failure)]->Increment();
  uint64_t suppressed = 0;
  if (!TakeLine(&suppressed)) return;
  LOG(WARNING) << "refused reason=" << AuthFailureName(failure)
               << " peer=" << peer << " caller=" << principal
               << " method=" << method << " suppressed=" << suppressed
               << " why: " << why;
}

bool AuthFailures::TakeLine(uint64_t* suppressed) {
  const absl::Duration now = clock_->Monotonic();
  absl::MutexLock lock(&mutex_);
  if (now - period_start_ >= kLogPeriod) {
    period_start_ = now;
    lines_ = 0;
  }
  if (lines_ == kMaxLogLines) {
    ++suppressed_;
    return false;
  }
  ++lines_;
  *suppressed = std::exchange(suppressed_, 0);
  return true;
}

}  // namespace cairn
