#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/metrics/metric_registry.h"
#include "common/time/clock.h"

namespace cairn {

// Why a connection or a call was refused; a closed set.
enum class AuthFailure : uint8_t {
  kHandshake,         // no TLS connection came about: certificate or key
  kNoCredentials,     // neither a certificate with a role nor a token
  kBadToken,          // no token's form, not known, expired or revoked
  kTokenNotAllowed,   // shown in plaintext, by a service, or not served here
  kTokenUnavailable,  // the directory of tokens could not be asked
  kUnknownMethod,     // it has no row in the authorization table
  kWrongRole,         // a person's role may not call the method
  kWrongService,      // a service may not call the method
  kWrongScope,        // a resource outside of the caller's scope
  kNotOwner,          // a group or session of another owner
};
inline constexpr int kAuthFailures = 10;

// "handshake", "no_credentials", ...: the metric label.
std::string_view AuthFailureName(AuthFailure failure);

// Counts refusals, as cairn_auth_failures_total{reason}, all of them 0 at the
// start, and logs them, but no more than kMaxLogLines in kLogPeriod: strangers
// cause them. Thread-safe.
class AuthFailures {
 public:
  static constexpr int kMaxLogLines = 10;
  static constexpr absl::Duration kLogPeriod = absl::Minutes(1);

  // Both outlive this.
  AuthFailures(MetricRegistry* registry, const Clock* clock);

  // `peer`: an address. `principal` and `method`: empty where not known.
  // `why`: for the operator; never a token.
  void Refused(AuthFailure failure, std::string_view peer,
               std::string_view principal, std::string_view method,
               std::string_view why);

 private:
  // Whether a line may be written now; if so, `suppressed` is how many were
  // not since the last one.
  bool TakeLine(uint64_t* suppressed);

  const Clock* const clock_;
  std::array<Counter*, kAuthFailures> counters_;

  absl::Mutex mutex_;
  absl::Duration period_start_ ABSL_GUARDED_BY(mutex_) =
      -absl::InfiniteDuration();
  int lines_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t suppressed_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace cairn
