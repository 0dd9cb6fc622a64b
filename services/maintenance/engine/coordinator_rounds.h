#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/concurrency/cancellation.h"
#include "common/concurrency/executor.h"
#include "common/concurrency/repeater.h"
#include "common/model/call.h"
#include "common/time/clock.h"
#include "services/index/client/catalog_client.h"
#include "services/maintenance/engine/lease_coordinator.h"
#include "services/maintenance/metrics.h"

namespace cairn::maintenance {

// What the coordinator does without being asked: once at the start, and then
// again and again, it makes noticed expiries durable and tells chunk_storage
// the epoch of every datastore that index knows, if chunk_storage does not
// know it (it forgets its touches at each restart). Rounds that fail are
// repeated sooner, after waits that double up to a bound. Thread-safe.
class CoordinatorRounds {
 public:
  struct Options {
    absl::Duration period = absl::Seconds(10);
    absl::Duration first_backoff = absl::Seconds(1);
    absl::Duration max_backoff = absl::Seconds(10);
    // Of one round's calls to other services, all together.
    absl::Duration timeout = absl::Seconds(30);
  };
  // All outlive the rounds.
  struct Dependencies {
    const Clock* clock = nullptr;
    Executor* executor = nullptr;
    CatalogClient* catalog = nullptr;
    LeaseCoordinator* coordinator = nullptr;
    MaintenanceMetrics* metrics = nullptr;
  };

  CoordinatorRounds(const Options& options, const Dependencies& dependencies);
  // As Stop.
  ~CoordinatorRounds();

  // Schedules the first round at once. Call it once.
  void Start();
  // Cancels a running round, waits for its end, and starts no other.
  // Idempotent. Not to be called from the executor's tasks.
  void Stop();

  // Whether the last round that has ended could work: OK also if single
  // datastores are in trouble, so that others go on. Unavailable before the
  // first.
  absl::Status last_result() const;

 private:
  // Returns the time until the next.
  absl::Duration RunRound(const CancellationToken& stop);
  struct Result {
    absl::Status all;
    absl::Status common;  // what is not about one datastore alone
  };
  Result DoRound(const CancellationToken& stop);
  absl::Status PushTouchFloors(const Call& call, Result* result);

  const Options options_;
  const Dependencies dependencies_;
  int failures_ = 0;  // in a row; of the round that runs

  mutable absl::Mutex mutex_;
  absl::Status last_result_ ABSL_GUARDED_BY(mutex_) =
      absl::UnavailableError("no background round has ended yet");

  Repeater repeater_;
};

}  // namespace cairn::maintenance
