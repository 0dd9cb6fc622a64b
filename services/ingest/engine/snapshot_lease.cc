#include "services/ingest/engine/snapshot_lease.h"

#include <utility>

#include "common/log/log.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::ingest {

absl::StatusOr<std::unique_ptr<SnapshotLease>> SnapshotLease::Acquire(
    const Dependencies& dependencies, const Call& call, LeaseRequest request) {
  RETURN_IF_ERROR(
      dependencies.leases->Acquire(ForPeer(call, *dependencies.clock), request)
          .status());
  std::unique_ptr<SnapshotLease> lease(
      new SnapshotLease(dependencies, call.caller, std::move(request)));
  lease->ScheduleRenewal();
  return lease;
}

SnapshotLease::SnapshotLease(const Dependencies& dependencies,
                             const Caller& caller, LeaseRequest request)
    : dependencies_(dependencies),
      caller_(caller),
      request_(std::move(request)) {}

SnapshotLease::~SnapshotLease() {
  Executor::TimerId timer = 0;
  {
    absl::MutexLock lock(&mutex_);
    closing_ = true;
    timer = timer_;
  }
  dependencies_.executor->Cancel(timer);
  {
    absl::MutexLock lock(&mutex_);
    const auto idle = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return !renewing_;
    };
    dependencies_.executor->Await(&mutex_, absl::Condition(&idle),
                                  absl::InfiniteDuration());
  }
  // The reader's call may be cancelled, the lease goes all the same.
  const absl::Status released = dependencies_.leases->Release(
      ForPeer({.caller = caller_}, *dependencies_.clock), request_.datastore,
      request_.id);
  if (!released.ok()) {
    LOG(WARNING) << "lease of a reader not released, it will expire lease="
                 << request_.id.ToString() << " error=" << released;
  }
}

bool SnapshotLease::lost() const {
  absl::MutexLock lock(&mutex_);
  return lost_;
}

void SnapshotLease::ScheduleRenewal() {
  absl::MutexLock lock(&mutex_);
  if (closing_) return;
  timer_ = dependencies_.executor->ScheduleAfter(request_.ttl / 3,
                                                 [this] { Renew(); });
}

void SnapshotLease::Renew() {
  {
    absl::MutexLock lock(&mutex_);
    if (closing_) return;
    renewing_ = true;
  }
  const Call call = ForPeer({.caller = caller_}, *dependencies_.clock);
  absl::Status status =
      dependencies_.leases->Renew(call, request_.datastore, request_.id)
          .status();
  if (HasReason(status, reason::kLeaseExpired) || absl::IsNotFound(status)) {
    status = dependencies_.leases->Acquire(call, request_).status();
  }
  // Other errors, as of a maintenance that is away, are tried again.
  const bool lost = absl::IsNotFound(status) || absl::IsAborted(status);
  if (!status.ok()) {
    LOG(WARNING) << "lease of a reader not renewed lease="
                 << request_.id.ToString() << " error=" << status;
  }
  if (!lost) ScheduleRenewal();
  absl::MutexLock lock(&mutex_);
  if (lost) lost_ = true;
  renewing_ = false;
}

}  // namespace cairn::ingest
