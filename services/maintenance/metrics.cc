#include "services/maintenance/metrics.h"

#include <string>

namespace cairn::maintenance {
namespace {

constexpr LeasePurpose kPurposes[] = {
    LeasePurpose::kBackup,          LeasePurpose::kRestore,
    LeasePurpose::kSweep,           LeasePurpose::kVerify,
    LeasePurpose::kMaintenanceMode, LeasePurpose::kSync,
    LeasePurpose::kUndelete,        LeasePurpose::kRepair,
    LeasePurpose::kRebuild};

MetricLabels Label(LeasePurpose purpose) {
  return {{"purpose", std::string(LeasePurposeName(purpose))}};
}

}  // namespace

MaintenanceMetrics::MaintenanceMetrics(MetricRegistry* registry)
    : leases_expired(
          registry->AddCounter("cairn_maintenance_leases_expired_total",
                               "Leases whose time ran out unreleased.")),
      leases_refused(registry->AddCounter(
          "cairn_maintenance_leases_refused_total",
          "Requests for a lease that another lease was in the way of.")),
      oldest_lease_age_seconds(registry->AddGauge(
          "cairn_maintenance_oldest_lease_age_seconds",
          "Age of the oldest live lease; 0 if there is none.")),
      fence_advances(registry->AddCounter(
          "cairn_maintenance_fence_advances_total",
          "Times that epoch, fence and sweep token were raised everywhere.")),
      touch_floor_pushes(registry->AddCounter(
          "cairn_maintenance_touch_floor_pushes_total",
          "Times that chunk storage was told the epoch anew.")),
      round_failures(registry->AddCounter(
          "cairn_maintenance_round_failures_total",
          "Background rounds that could not reach index or chunk storage.")) {
  for (const LeasePurpose purpose : kPurposes) {
    leases_live[purpose] =
        &registry->AddGauge("cairn_maintenance_leases_live",
                            "Leases that hold something now.", Label(purpose));
    leases_granted[purpose] =
        &registry->AddCounter("cairn_maintenance_leases_granted_total",
                              "Leases granted.", Label(purpose));
  }
}

}  // namespace cairn::maintenance
