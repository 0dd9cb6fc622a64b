#pragma once

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/concurrency/executor.h"
#include "common/model/call.h"
#include "common/time/clock.h"
#include "services/ingest/engine/peers.h"

namespace cairn::ingest {

// A reader's shared lease on a snapshot, renewed until it goes and released
// then. No safety rests on it: it only keeps the snapshot's records from a
// sweep while the snapshot is read. Thread-safe.
class SnapshotLease {
 public:
  // All outlive the lease.
  struct Dependencies {
    LeaseClient* leases = nullptr;
    const Clock* clock = nullptr;
    Executor* executor = nullptr;
  };

  // NotFound: the snapshot is gone. `request` has one datastore and claim.
  static absl::StatusOr<std::unique_ptr<SnapshotLease>> Acquire(
      const Dependencies& dependencies, const Call& call, LeaseRequest request);
  ~SnapshotLease();
  SnapshotLease(const SnapshotLease&) = delete;
  SnapshotLease& operator=(const SnapshotLease&) = delete;

  // Whether it ran out and could not be had again: records of the snapshot
  // may be gone since.
  bool lost() const;

 private:
  SnapshotLease(const Dependencies& dependencies, const Caller& caller,
                LeaseRequest request);
  void ScheduleRenewal() ABSL_LOCKS_EXCLUDED(mutex_);
  void Renew();

  const Dependencies dependencies_;
  const Caller caller_;
  const LeaseRequest request_;
  mutable absl::Mutex mutex_;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  bool lost_ ABSL_GUARDED_BY(mutex_) = false;
  bool renewing_ ABSL_GUARDED_BY(mutex_) = false;
  Executor::TimerId timer_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace cairn::ingest
