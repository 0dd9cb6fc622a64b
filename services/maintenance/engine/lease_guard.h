#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/concurrency/executor.h"
#include "common/model/call.h"
#include "common/model/uuid.h"
#include "common/time/clock.h"
#include "services/maintenance/client/lease_client.h"
#include "services/maintenance/engine/lease_coordinator.h"

namespace cairn::maintenance {

// A lease that a run of maintenance itself holds: acquired at its start,
// renewed by timers, released at its end. That it is lost is told by status()
// and stops nobody: no safety rests on it. Thread-safe.
class LeaseGuard {
 public:
  // All outlive the guard.
  struct Dependencies {
    const Clock* clock = nullptr;
    Executor* executor = nullptr;
    LeaseCoordinator* coordinator = nullptr;
    // Runs beside each renewal, on its timer, for what else is to last as long
    // as the lease. May be empty.
    std::function<void(const Call& call)> beside;
  };

  // `request` names a ttl. Errors as LeaseClient::Acquire.
  static absl::StatusOr<std::unique_ptr<LeaseGuard>> Acquire(
      const Call& call, const Dependencies& dependencies,
      const LeaseRequest& request);
  // Waits for a renewal that is running, and releases. Not to be called from
  // the executor's timers.
  ~LeaseGuard();
  LeaseGuard(const LeaseGuard&) = delete;
  LeaseGuard& operator=(const LeaseGuard&) = delete;

  const Uuid& id() const { return id_; }
  // Of the last renewal. Aborted: it is lost for good.
  absl::Status status() const;

 private:
  LeaseGuard(const Dependencies& dependencies, const LeaseRequest& request);
  void Schedule();
  void Renew();

  const Dependencies dependencies_;
  const Uuid id_;
  const std::string datastore_;
  const absl::Duration period_;

  mutable absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  Executor::TimerId timer_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

// Calls of maintenance to itself and to its peers, on nobody's behalf.
Call MaintenanceCall(absl::Time deadline,
                     const CancellationToken* cancellation);

}  // namespace cairn::maintenance
