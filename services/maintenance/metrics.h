#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/metrics/metric_registry.h"
#include "common/model/lease.h"
#include "services/maintenance/domain/run_results.h"
#include "services/maintenance/domain/task_rules.h"
#include "services/maintenance/domain/token_rules.h"

namespace cairn::maintenance {

// Every metric that maintenance exports besides those of its gRPC server.
// All series exist, at 0, from the start.
class MaintenanceMetrics {
 public:
  // `registry` outlives the metrics.
  explicit MaintenanceMetrics(MetricRegistry* registry);

  // cairn_leases_live{purpose}: leases that hold something now.
  std::map<LeasePurpose, Gauge*> leases_live;
  // cairn_leases_granted_total{purpose}
  std::map<LeasePurpose, Counter*> leases_granted;
  // cairn_lease_expired_total: ttl passed without a release.
  Counter& leases_expired;
  // cairn_leases_refused_total: another lease was in the way.
  Counter& leases_refused;
  // cairn_lease_oldest_age_seconds: 0 without a live lease.
  Gauge& oldest_lease_age_seconds;
  // cairn_maintenance_fence_advances_total: epoch, fence and token raised in
  // index and chunk_storage.
  Counter& fence_advances;
  // cairn_maintenance_touch_floor_pushes_total: chunk_storage was told the
  // epoch anew, as after its restart.
  Counter& touch_floor_pushes;
  // cairn_maintenance_round_failures_total: background rounds that could not
  // reach index or chunk_storage.
  Counter& round_failures;

  // cairn_task_runs_total{kind,result}: tasks that have ended.
  std::map<std::pair<TaskKind, TaskState>, Counter*> task_runs;
  // cairn_tasks_running{kind}
  std::map<TaskKind, Gauge*> tasks_running;
  // cairn_task_duration_seconds{kind}: from start to end, whatever the end.
  std::map<TaskKind, Histogram*> task_seconds;
  // cairn_task_phase{kind,phase}: tasks that are in it.
  std::map<std::pair<TaskKind, std::string>, Gauge*> task_phases;
  // cairn_prune_removed_total, _guard_trips_total, _failed_total: snapshots.
  Counter& prune_removed;
  Counter& prune_guard_trips;
  Counter& prune_failed;
  // cairn_gc_reclaimed_bytes_total: of pack files, by all gc runs.
  Counter& gc_freed_bytes;

  // cairn_gc_later_bytes{datastore,reason}: what its last gc could not free.
  void ShowLater(const std::string& datastore,
                 const std::vector<LaterBytes>& later);
  // cairn_gc_missing_records{datastore}: referred to and not to be had, as its
  // last gc found them.
  void ShowMissingRecords(const std::string& datastore, uint64_t count);
  // A task has gone from one phase to another; of none, or of one that is not
  // known: not shown.
  void ShowPhase(TaskKind kind, const std::string& from, const std::string& to);
  // cairn_KIND_last_success_timestamp_seconds{datastore}, also over restarts;
  // datastores are few. The latest counts.
  void ShowSuccess(TaskKind kind, const std::string& datastore,
                   absl::Time time);
  // There is such a datastore: its last successes, 0 where there was none.
  void ShowDatastore(const std::string& datastore);
  // cairn_verify_failed_snapshots{datastore}: of the last verify of `all`; one
  // of a part tells of what it found, and cannot say that the rest is whole.
  void ShowFailedSnapshots(const std::string& datastore, uint64_t count,
                           bool all);
  // cairn_verify_never_proved_bytes{datastore} and
  // cairn_verify_oldest_proof_timestamp_seconds{datastore} (0: something was
  // never proved): the verification debt.
  void ShowVerifyDebt(const std::string& datastore, uint64_t never_proved_bytes,
                      std::optional<absl::Time> oldest_proof);

  // cairn_maintenance_tokens{state}: asked for at each scrape. Once; `count`
  // may be called as long as the registry lives.
  void CountTokens(const std::function<size_t(TokenState)>& count);

 private:
  Gauge& LastSuccess(TaskKind kind, const std::string& datastore);

  MetricRegistry* const registry_;
};

}  // namespace cairn::maintenance
