#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/model/catalog.h"
#include "common/model/datastore.h"
#include "common/model/lease.h"
#include "common/time/clock.h"
#include "services/maintenance/client/lease_client.h"
#include "services/maintenance/domain/epoch_numbers.h"
#include "services/maintenance/domain/lease_table.h"
#include "services/maintenance/metrics.h"
#include "services/maintenance/storage/lease_store.h"

namespace cairn::maintenance {

// What a request for a lease needs next. Everything but kGranted is a call
// to another service, after which the request is made again or confirmed.
struct GrantStep {
  enum class Kind {
    kGranted,     // durable; `lease` is the answer
    kAskIndex,    // recorded as pending; then Confirm or Withdraw
    kRaiseFence,  // Advance and publish, then ask again
    kOpen,        // Adopt the numbers of index and store, then ask again
  };
  Kind kind = Kind::kGranted;
  Lease lease;
};

// The leases and numbers of one datastore: the table in memory and its rows,
// changed together. A change is durable before it is visible: it is committed
// under the lock, and the table follows. Calls no other service.
// Thread-safe.
class DatastoreLeases {
 public:
  // All outlive the object.
  struct Dependencies {
    const Clock* clock = nullptr;
    LeaseStore* store = nullptr;
    MaintenanceMetrics* metrics = nullptr;
  };

  DatastoreLeases(std::string name, size_t max_leases,
                  const Dependencies& dependencies);
  // Takes its share out of the gauges; nothing durable changes.
  ~DatastoreLeases();
  DatastoreLeases(const DatastoreLeases&) = delete;
  DatastoreLeases& operator=(const DatastoreLeases&) = delete;

  // Takes over what was durable, before any other call: live leases get their
  // whole ttl again, pending ones (never answered) go. DataLoss: leases
  // without numbers.
  absl::Status Restore(const StoredDatastore& stored);

  // The datastore whose numbers were adopted since the start; none: closed.
  std::optional<DatastoreRef> opened() const;
  // Makes the numbers to go on with durable. Stays closed.
  absl::StatusOr<EpochNumbers> Adopt(const SeenNumbers& seen);
  // Opens. `fence`: of index.
  void Open(const DatastoreRef& datastore, uint64_t fence);
  // Somebody has seen higher numbers, or knows another life of the datastore:
  // nothing is granted until the numbers are adopted again.
  void Close();

  // `wanted` is valid; epoch and start time are filled in.
  absl::StatusOr<GrantStep> Acquire(
      Lease wanted, const std::optional<uint64_t>& session_epoch);
  absl::StatusOr<GrantStep> Renew(const Uuid& id);
  // Index knows the snapshots of a pending lease. Aborted (LEASE_EXPIRED): it
  // has gone meanwhile.
  absl::StatusOr<Lease> Confirm(const Uuid& id);
  // Removes a lease if it is pending.
  absl::Status Withdraw(const Uuid& id);
  absl::Status Release(const Uuid& id);

  // Takes the numbers of a sweep, durable when it returns.
  absl::StatusOr<EpochNumbers> Advance();
  // Index has confirmed `fence`.
  void NoteFence(uint64_t fence);

  // Aborted (LEASE_EXPIRED): the lease is not live, or does not claim
  // `resource`.
  absl::Status CheckHolds(const Uuid& id, const std::string& resource);
  // Of the live leases that may write the first of the least epoch.
  std::optional<Lease> OldestWriter();
  // What live leases, and those that are about to be, claim of snapshots.
  std::vector<std::string> LeasedSnapshots();

  // None before the first Adopt.
  std::optional<EpochNumbers> numbers() const;
  // Precondition: Adopt or Restore gave numbers.
  EpochState State();
  absl::StatusOr<ListPage<Lease>> List(const PageRequest& page);

  // Makes expiries durable that have only been noticed so far.
  absl::Status SaveExpiries();

 private:
  absl::StatusOr<GrantStep> Grant(Lease lease)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<GrantStep> Rearm(const LeaseEntry& entry, const Lease& wanted)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckEpoch(const Lease& lease) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whose row has to go for one more, if any has to.
  absl::StatusOr<std::optional<Uuid>> MakeRoom() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Expire() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A batch with the expiries that are not durable yet.
  LeaseBatch NewBatch() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Commits a batch that NewBatch began.
  absl::Status Commit(const LeaseBatch& batch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Put(const Lease& lease, LeasePhase phase)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Lease Answer(const LeaseEntry& entry) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ShowGauges() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string name_;
  const size_t max_leases_;
  const Dependencies dependencies_;

  mutable absl::Mutex mutex_;
  LeaseTable table_ ABSL_GUARDED_BY(mutex_);
  // As durable, but for expired_epoch while unsaved_ is not empty.
  std::optional<EpochNumbers> numbers_ ABSL_GUARDED_BY(mutex_);
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t fence_ ABSL_GUARDED_BY(mutex_) = 0;  // as index confirmed it
  // Expired leases whose rows still say that they are live.
  std::vector<Uuid> unsaved_ ABSL_GUARDED_BY(mutex_);
  std::map<LeasePurpose, uint64_t> shown_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn::maintenance
