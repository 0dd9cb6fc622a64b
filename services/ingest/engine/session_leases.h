#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/concurrency/executor.h"
#include "common/model/call.h"
#include "common/model/session.h"
#include "common/time/clock.h"
#include "services/ingest/metrics.h"
#include "services/maintenance/client/lease_client.h"

namespace cairn::ingest {

// The leases of backup sessions: each holds its group exclusively and its
// base shared, under the session's own id. One that cannot be given back,
// because maintenance is away, is tried again until it has expired.
// Thread-safe.
class SessionLeases {
 public:
  struct Options {
    absl::Duration ttl = absl::Minutes(2);  // 1 s..24 h
    std::string holder = "ingest";
    // Leases that are to be given back yet; one more expires by itself.
    size_t max_unreleased = 1024;
  };
  // All outlive this.
  struct Dependencies {
    LeaseClient* leases = nullptr;
    const Clock* clock = nullptr;
    Executor* executor = nullptr;
    IngestMetrics* metrics = nullptr;
  };

  SessionLeases(const Options& options, const Dependencies& dependencies);
  ~SessionLeases();
  SessionLeases(const SessionLeases&) = delete;
  SessionLeases& operator=(const SessionLeases&) = delete;

  // Takes the lease of a session, with the session's epoch if it has one
  // (not 0). Errors as LeaseClient::Acquire.
  absl::StatusOr<Lease> Acquire(const Call& call, const Session& session);
  // Starts its ttl anew; one that is not held any more is taken again.
  // Errors as LeaseClient::Renew and Acquire.
  absl::StatusOr<Lease> Renew(const Call& call, const Session& session);
  // For a session that needs it no more, also if `call` is over.
  void Release(const Call& call, const Session& session);

 private:
  struct Unreleased {
    SessionName name;
    absl::Duration until;  // monotonic; the lease has expired then
  };

  // It is not given back by a try that is still to come.
  void Keep(const SessionName& name);
  void ScheduleRetry() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Retry();
  // Tries the first; false if it could not be given back.
  bool RetryFirst();

  const Options options_;
  const Dependencies dependencies_;
  absl::Mutex mutex_;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  // Set while a retry is due or runs.
  bool retrying_ ABSL_GUARDED_BY(mutex_) = false;
  Executor::TimerId timer_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<Unreleased> unreleased_ ABSL_GUARDED_BY(mutex_);
  // Not in unreleased_ while it is tried.
  std::optional<SessionName> tried_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn::ingest
