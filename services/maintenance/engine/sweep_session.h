#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/concurrency/executor.h"
#include "common/model/call.h"
#include "common/model/uuid.h"
#include "common/time/clock.h"
#include "services/chunk_storage/client/chunk_client.h"
#include "services/chunk_storage/client/sweep_client.h"
#include "services/index/client/catalog_client.h"
#include "services/index/client/fence_client.h"
#include "services/index/client/sweep_client.h"
#include "services/maintenance/domain/run_options.h"
#include "services/maintenance/engine/lease_coordinator.h"
#include "services/maintenance/engine/lease_guard.h"
#include "services/maintenance/engine/run_control.h"
#include "services/maintenance/storage/sweep_store.h"

namespace cairn::maintenance {

// What runs call. All outlive the runs.
struct RunPeers {
  const Clock* clock = nullptr;
  Executor* executor = nullptr;  // for timers
  LeaseCoordinator* coordinator = nullptr;
  CatalogClient* catalog = nullptr;
  FenceClient* fence = nullptr;
  ChunkClient* chunks = nullptr;
  IndexSweepClient* index = nullptr;
  StoreSweepClient* store = nullptr;
  SweepStore* sweeps = nullptr;
};

// How long runs wait for their peers.
struct RunTimes {
  absl::Duration lease_ttl = absl::Seconds(60);
  // Of a call whose work is bounded.
  absl::Duration call = absl::Minutes(10);
  // Of one that walks through everything.
  absl::Duration walk = absl::Hours(24);
};

// For LeaseGuard: chunk_storage drops marks that nobody uses for a while; those
// of a run that stands still are in use. Errors are left to the run.
std::function<void(const Call&)> KeepMarks(const RunPeers& peers,
                                           const DatastoreRef& datastore,
                                           const Uuid& set);

// A sweep of a datastore in index and in chunk_storage, from its numbers to
// its end, in the order that makes it safe (ARCHITECTURE.md, "How a sweep
// goes"). After an error of any step, and if it is not ended, its destructor
// ends it on both sides without removing anything; what neither hears of, the
// next sweep's token ends. Not thread-safe.
class SweepSession {
 public:
  // `task` names the lease, the mark set and the row. `control` outlives the
  // session.
  SweepSession(const RunTimes& times, const RunPeers& peers, const Uuid& task,
               const GcRunOptions& options, RunControl* control);
  ~SweepSession();
  SweepSession(const SweepSession&) = delete;
  SweepSession& operator=(const SweepSession&) = delete;

  // The lease, the numbers, the view of index, sealed packs in chunk_storage.
  // FailedPrecondition (LEASE_HELD): another sweep runs; (INDEX_BEHIND).
  absl::Status Begin();
  // What is gone is said so in the packs before anything is dropped.
  absl::Status SaveGoneEvents();
  // The bits of all records. Reads the leases of readers after the view.
  absl::StatusOr<MarkSummary> Mark();
  // Ends it on both sides; removes the rows of what is gone, unless it is
  // for a plan.
  absl::StatusOr<EndedSweep> End();

  // Of a session that has begun.
  const DatastoreRef& datastore() const { return datastore_; }
  const SweepStart& start() const { return start_; }
  const IndexSweep& view() const { return view_; }
  const MarkProgress& marked() const { return marked_; }
  uint64_t token() const { return start_.numbers.token; }
  const Uuid& set() const { return task_; }
  // That it goes on: the lease is not lost, and the task not to end.
  absl::Status Checkpoint();
  // For the calls of the run.
  Call NewCall(absl::Duration timeout) const;

 private:
  absl::Status BeginStore(const Call& call);
  void ShowProgress(const MarkProgress& progress);
  absl::Status CheckMarked() const;
  void SaveRow(TaskState state);
  void Abandon();

  const RunTimes times_;
  const RunPeers peers_;
  const Uuid task_;
  const GcRunOptions options_;
  RunControl* const control_;

  std::unique_ptr<LeaseGuard> lease_;
  DatastoreRef datastore_;
  SweepStart start_;
  IndexSweep view_;
  MarkProgress marked_;
  StoredSweep row_;
  bool begun_ = false;  // somebody may know of it
};

}  // namespace cairn::maintenance
