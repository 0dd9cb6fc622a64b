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

constexpr std::pair<LaterBytes::Reason, const char*> kLaterReasons[] = {
    {LaterBytes::Reason::kTrash, "trash"},
    {LaterBytes::Reason::kSession, "session"},
    {LaterBytes::Reason::kThreshold, "threshold"},
    {LaterBytes::Reason::kBudget, "budget"},
    {LaterBytes::Reason::kDamage, "damage"},
};

double Seconds(absl::Time time) {
  return absl::ToDoubleSeconds(time - absl::UnixEpoch());
}

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
          "Background rounds that could not reach index or chunk storage.")),
      gc_freed_bytes(
          registry->AddCounter("cairn_maintenance_gc_freed_bytes_total",
                               "Bytes of pack files that gc has freed.")),
      gc_missing_records(registry->AddGauge(
          "cairn_maintenance_gc_missing_records",
          "Records that snapshots refer to and that are not to be had, as the "
          "last gc found them.")),
      registry_(registry) {
  for (const TaskKind kind : kTaskKinds) {
    const std::string name(TaskKindName(kind));
    for (const TaskState state : kTaskStates) {
      if (!HasEnded(state)) continue;
      task_runs[{kind, state}] = &registry->AddCounter(
          "cairn_maintenance_task_runs_total", "Tasks that have ended.",
          {{"kind", name}, {"result", std::string(TaskStateName(state))}});
    }
    tasks_running[kind] =
        &registry->AddGauge("cairn_maintenance_tasks_running",
                            "Tasks that run now.", {{"kind", name}});
  }
  for (const auto& [reason, name] : kLaterReasons) {
    gc_later_bytes[reason] = &registry->AddGauge(
        "cairn_maintenance_gc_later_bytes",
        "Bytes that the last gc could not free yet.", {{"reason", name}});
  }
  for (const LeasePurpose purpose : kPurposes) {
    leases_live[purpose] =
        &registry->AddGauge("cairn_maintenance_leases_live",
                            "Leases that hold something now.", Label(purpose));
    leases_granted[purpose] =
        &registry->AddCounter("cairn_maintenance_leases_granted_total",
                              "Leases granted.", Label(purpose));
  }
}

void MaintenanceMetrics::ShowLater(const std::vector<LaterBytes>& later) {
  for (const auto& [reason, gauge] : gc_later_bytes) gauge->Set(0);
  for (const LaterBytes& bytes : later) {
    gc_later_bytes.at(bytes.reason)->Set(static_cast<double>(bytes.bytes));
  }
}

void MaintenanceMetrics::ShowSuccess(TaskKind kind,
                                     const std::string& datastore,
                                     absl::Time time) {
  registry_
      ->AddGauge(
          "cairn_maintenance_task_last_success_timestamp_seconds",
          "When a task of the kind last succeeded on the datastore.",
          {{"kind", std::string(TaskKindName(kind))}, {"datastore", datastore}})
      .Set(Seconds(time));
}

void MaintenanceMetrics::ShowVerifyDebt(
    const std::string& datastore, uint64_t never_proved_bytes,
    std::optional<absl::Time> oldest_proof) {
  const MetricLabels labels = {{"datastore", datastore}};
  registry_
      ->AddGauge("cairn_maintenance_verify_never_proved_bytes",
                 "Bytes of packs that were never read and proved.", labels)
      .Set(static_cast<double>(never_proved_bytes));
  registry_
      ->AddGauge("cairn_maintenance_verify_oldest_proof_timestamp_seconds",
                 "When the pack that was proved longest ago was proved; 0: one "
                 "was never.",
                 labels)
      .Set(oldest_proof.has_value() ? Seconds(*oldest_proof) : 0);
}

}  // namespace cairn::maintenance
