#pragma once

#include <map>

#include "common/metrics/metric_registry.h"
#include "common/model/lease.h"

namespace cairn::maintenance {

// Every metric that maintenance exports besides those of its gRPC server.
// All series exist, at 0, from the start.
struct MaintenanceMetrics {
  // `registry` outlives the metrics.
  explicit MaintenanceMetrics(MetricRegistry* registry);

  // cairn_maintenance_leases_live{purpose}: leases that hold something now.
  std::map<LeasePurpose, Gauge*> leases_live;
  // cairn_maintenance_leases_granted_total{purpose}
  std::map<LeasePurpose, Counter*> leases_granted;
  // cairn_maintenance_leases_expired_total: ttl passed without a release.
  Counter& leases_expired;
  // cairn_maintenance_leases_refused_total: another lease was in the way.
  Counter& leases_refused;
  // cairn_maintenance_oldest_lease_age_seconds: 0 without a live lease.
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
};

}  // namespace cairn::maintenance
