#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/concurrency/executor.h"
#include "common/kv/kv_store.h"
#include "common/model/call.h"
#include "common/time/clock.h"
#include "services/chunk_storage/client/chunk_client.h"
#include "services/index/client/catalog_client.h"
#include "services/index/client/fence_client.h"
#include "services/maintenance/client/lease_client.h"
#include "services/maintenance/domain/epoch_numbers.h"
#include "services/maintenance/engine/datastore_leases.h"
#include "services/maintenance/metrics.h"
#include "services/maintenance/storage/lease_store.h"

namespace cairn::maintenance {

// The numbers that a sweep has taken for itself. Nobody was told them yet.
struct SweepStart {
  EpochNumbers numbers;
  // Of the live leases that may write the one of the least epoch: what holds
  // back the cut, for people.
  std::optional<Lease> oldest_writer;
};

// The engine behind LeaseClient: who may write, read and sweep, and the
// numbers that make it safe. Decisions of one datastore are made in
// DatastoreLeases; this class makes the calls to index and chunk_storage that
// go with them, never under a lock.
//
// A datastore is opened at its first use after a start: index and
// chunk_storage are asked for the highest numbers they have seen, so that a
// coordinator that was lost or restored goes on above them before it grants
// anything, and chunk_storage is told the epoch. Renewal and release of what
// was granted before need neither. Thread-safe.
class LeaseCoordinator {
 public:
  struct Options {
    // Leases of one datastore, expired ones that may come back included.
    size_t max_leases_per_datastore = 10000;
    // For requests that name none; within 1 s..24 h.
    absl::Duration default_ttl = absl::Seconds(60);
  };
  // All outlive the coordinator. `kv` has LeaseStore::TableNames().
  struct Dependencies {
    const Clock* clock = nullptr;
    Executor* executor = nullptr;
    KvStore* kv = nullptr;
    CatalogClient* catalog = nullptr;
    FenceClient* fence = nullptr;
    ChunkClient* chunks = nullptr;
    MaintenanceMetrics* metrics = nullptr;
  };

  // Takes over what is durable; every live lease gets its whole ttl again.
  // DataLoss: a row that cannot be read.
  static absl::StatusOr<std::unique_ptr<LeaseCoordinator>> Open(
      const Options& options, const Dependencies& dependencies);

  // As LeaseClient says.
  absl::StatusOr<Lease> Acquire(const Call& call, const LeaseRequest& request);
  absl::StatusOr<Lease> Renew(const Call& call, const std::string& datastore,
                              const Uuid& id);
  absl::Status Release(const Call& call, const std::string& datastore,
                       const Uuid& id);
  absl::StatusOr<ListPage<Lease>> List(const Call& call,
                                       const std::string& datastore,
                                       const PageRequest& page);
  absl::StatusOr<EpochState> GetEpoch(const Call& call,
                                      const std::string& datastore);
  absl::StatusOr<EpochState> AdvanceEpoch(const Call& call,
                                          const std::string& datastore);

  // Step 1 of a sweep, for the holder of the live lease `lease` on the sweep
  // of the datastore: E+1, F+1 and the cut, durable. To raise the fence and to
  // show the token is left to the sweep, which asks index and chunk_storage
  // for more in the same step; chunk_storage is not told the epoch, or its
  // touch floor would reach the cut, and nothing would ever be below it.
  // Aborted (LEASE_EXPIRED): `lease` is not held. FailedPrecondition
  // (INDEX_BEHIND): no number has moved.
  absl::StatusOr<SweepStart> BeginSweep(const Call& call,
                                        const std::string& datastore,
                                        const Uuid& lease);
  // Index has confirmed `fence` to a sweep.
  void NoteFence(const std::string& datastore, uint64_t fence);
  // The snapshots that live leases claim: roots of a sweep that asks after it
  // took its view. One that is granted later was listed or in trash then, or
  // index refuses it. Those of expired leases are not among them: such a lease
  // holds nothing, and when it comes back index is asked again, and refuses
  // what has gone meanwhile. Sorted, each once.
  absl::StatusOr<std::vector<std::string>> ListLeasedSnapshots(
      const Call& call, const std::string& datastore);

  // Tells chunk_storage the epoch if it has not been told one since its
  // start: until then it may not be swept. One that knows an older epoch is
  // left with it: what was touched since is touched with what it was.
  absl::Status PushTouchFloor(const Call& call, const std::string& datastore);

  // Makes noticed expiries durable and shows the oldest lease's age.
  absl::Status SaveExpiries();

 private:
  struct Entry {
    Entry(const std::string& name, size_t max_leases,
          const DatastoreLeases::Dependencies& dependencies)
        : leases(name, max_leases, dependencies) {}
    DatastoreLeases leases;
    bool busy = false;  // guarded by mutex_; a Turn is taken
  };
  class Turn;

  LeaseCoordinator(const Options& options, const Dependencies& dependencies);

  DatastoreLeases::Dependencies LeaseDependencies();
  // Null if the datastore was never opened.
  Entry* Find(const std::string& datastore);
  Entry& FindOrAdd(const std::string& datastore);
  // Opened; with `ref`, as that life of the datastore.
  absl::StatusOr<Entry*> Opened(const Call& call, const std::string& datastore,
                                const std::optional<DatastoreRef>& ref);
  absl::StatusOr<Entry*> OpenEntry(const Call& call,
                                   const std::string& datastore);
  absl::Status OpenWithTurn(const Call& call, const DatastoreRef& ref,
                            DatastoreLeases& leases);
  absl::Status AdvanceWithTurn(const Call& call, DatastoreLeases& leases);
  // The next numbers, durable and told nobody.
  absl::StatusOr<EpochNumbers> TakeNumbers(const Call& call,
                                           DatastoreLeases& leases);
  // What index and chunk_storage know. FailedPrecondition (INDEX_BEHIND):
  // changes are stored that index has not numbered.
  struct PeerNumbers {
    FenceState fence;
    StoreState store;
  };
  absl::StatusOr<PeerNumbers> AskPeers(const Call& call,
                                       const DatastoreRef& ref);
  // Shows them to chunk_storage, with the number that index has come to.
  absl::Status ShowNumbers(const Call& call, const EpochNumbers& numbers,
                           uint64_t index_sequence);
  // Repeats `attempt` until it grants, doing what each step asks for.
  absl::StatusOr<Lease> Complete(
      const Call& call, const std::string& datastore, Entry& entry,
      absl::FunctionRef<absl::StatusOr<GrantStep>()> attempt);
  absl::StatusOr<Lease> ConfirmReader(const Call& call, const Lease& lease,
                                      DatastoreLeases& leases);
  absl::StatusOr<Turn> TakeTurn(const Call& call, Entry& entry);

  const Options options_;
  const Dependencies dependencies_;
  LeaseStore store_;

  absl::Mutex mutex_;
  // Entries are added and stay; only what index knows is added.
  std::map<std::string, std::unique_ptr<Entry>> datastores_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn::maintenance
