#include "services/maintenance/metrics.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

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

// As the runs name them.
const std::pair<TaskKind, std::vector<const char*>> kPhases[] = {
    {TaskKind::kPrune, {"plan", "forget"}},
    {TaskKind::kGc, {"begin", "mark", "plan", "sweep", "pages", "end"}},
    {TaskKind::kVerify,
     {"list", "mark", "plan", "verify", "references", "save"}},
};

// Seconds, from one to a day.
std::vector<double> TaskBuckets() {
  return {1,   2,    5,    10,   30,    60,    120,   300,
          600, 1800, 3600, 7200, 14400, 28800, 57600, 86400};
}

double Seconds(absl::Time time) {
  return absl::ToDoubleSeconds(time - absl::UnixEpoch());
}

MetricLabels Label(LeasePurpose purpose) {
  return {{"purpose", std::string(LeasePurposeName(purpose))}};
}

}  // namespace

MaintenanceMetrics::MaintenanceMetrics(MetricRegistry* registry)
    : leases_expired(
          registry->AddCounter("cairn_lease_expired_total",
                               "Leases whose time ran out unreleased.")),
      leases_refused(registry->AddCounter(
          "cairn_leases_refused_total",
          "Requests for a lease that another lease was in the way of.")),
      oldest_lease_age_seconds(registry->AddGauge(
          "cairn_lease_oldest_age_seconds",
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
      prune_removed(
          registry->AddCounter("cairn_prune_removed_total",
                               "Snapshots that prunes have put into trash.")),
      prune_guard_trips(
          registry->AddCounter("cairn_prune_guard_trips_total",
                               "Removals that a guard of prune took back.")),
      prune_failed(registry->AddCounter("cairn_prune_failed_total",
                                        "Removals that failed.")),
      gc_freed_bytes(
          registry->AddCounter("cairn_gc_reclaimed_bytes_total",
                               "Bytes of pack files that gc has freed.")),
      registry_(registry) {
  for (const TaskKind kind : kTaskKinds) {
    const std::string name(TaskKindName(kind));
    for (const TaskState state : kTaskStates) {
      if (!HasEnded(state)) continue;
      task_runs[{kind, state}] = &registry->AddCounter(
          "cairn_task_runs_total", "Tasks that have ended.",
          {{"kind", name}, {"result", std::string(TaskStateName(state))}});
    }
    tasks_running[kind] = &registry->AddGauge(
        "cairn_tasks_running", "Tasks that run now.", {{"kind", name}});
    task_seconds[kind] = &registry->AddHistogram(
        "cairn_task_duration_seconds", "From start to end of a task.",
        {{"kind", name}}, TaskBuckets());
  }
  for (const auto& [kind, phases] : kPhases) {
    for (const char* const phase : phases) {
      task_phases[{kind, phase}] = &registry->AddGauge(
          "cairn_task_phase", "Tasks that are in the phase.",
          {{"kind", std::string(TaskKindName(kind))}, {"phase", phase}});
    }
  }
  for (const LeasePurpose purpose : kPurposes) {
    leases_live[purpose] = &registry->AddGauge(
        "cairn_leases_live", "Leases that hold something now.", Label(purpose));
    leases_granted[purpose] = &registry->AddCounter(
        "cairn_leases_granted_total", "Leases granted.", Label(purpose));
  }
}

void MaintenanceMetrics::ShowLater(const std::string& datastore,
                                   const std::vector<LaterBytes>& later) {
  for (const auto& [reason, name] : kLaterReasons) {
    uint64_t total = 0;
    for (const LaterBytes& bytes : later) {
      if (bytes.reason == reason) total += bytes.bytes;
    }
    registry_
        ->AddGauge("cairn_gc_later_bytes",
                   "Bytes that the last gc could not free yet.",
                   {{"datastore", datastore}, {"reason", name}})
        .Set(static_cast<double>(total));
  }
}

void MaintenanceMetrics::ShowMissingRecords(const std::string& datastore,
                                            uint64_t count) {
  registry_
      ->AddGauge("cairn_gc_missing_records",
                 "Records that snapshots refer to and that are not to be had, "
                 "as the last gc found them.",
                 {{"datastore", datastore}})
      .Set(static_cast<double>(count));
}

void MaintenanceMetrics::ShowPhase(TaskKind kind, const std::string& from,
                                   const std::string& to) {
  const auto add = [&](const std::string& phase, double count) {
    const auto known = task_phases.find({kind, phase});
    if (known != task_phases.end()) known->second->Add(count);
  };
  add(from, -1);
  add(to, 1);
}

Gauge& MaintenanceMetrics::LastSuccess(TaskKind kind,
                                       const std::string& datastore) {
  const std::string name(TaskKindName(kind));
  return registry_->AddGauge(
      "cairn_" + name + "_last_success_timestamp_seconds",
      "When a " + name + " last succeeded on the datastore; 0: never.",
      {{"datastore", datastore}});
}

void MaintenanceMetrics::ShowSuccess(TaskKind kind,
                                     const std::string& datastore,
                                     absl::Time time) {
  Gauge& gauge = LastSuccess(kind, datastore);
  gauge.Set(std::max(gauge.Value(), Seconds(time)));
}

void MaintenanceMetrics::ShowDatastore(const std::string& datastore) {
  for (const TaskKind kind : kTaskKinds) LastSuccess(kind, datastore);
}

void MaintenanceMetrics::ShowFailedSnapshots(const std::string& datastore,
                                             uint64_t count, bool all) {
  Gauge& shown =
      registry_->AddGauge("cairn_verify_failed_snapshots",
                          "Snapshots that the last verify found damaged.",
                          {{"datastore", datastore}});
  const auto failed = static_cast<double>(count);
  if (all || failed > shown.Value()) shown.Set(failed);
}

void MaintenanceMetrics::ShowVerifyDebt(
    const std::string& datastore, uint64_t never_proved_bytes,
    std::optional<absl::Time> oldest_proof) {
  const MetricLabels labels = {{"datastore", datastore}};
  registry_
      ->AddGauge("cairn_verify_never_proved_bytes",
                 "Bytes of packs that were never read and proved.", labels)
      .Set(static_cast<double>(never_proved_bytes));
  registry_
      ->AddGauge("cairn_verify_oldest_proof_timestamp_seconds",
                 "When the pack that was proved longest ago was proved; 0: one "
                 "was never.",
                 labels)
      .Set(oldest_proof.has_value() ? Seconds(*oldest_proof) : 0);
}

void MaintenanceMetrics::CountTokens(
    const std::function<size_t(TokenState)>& count) {
  for (const TokenState state : kTokenStates) {
    registry_->AddCallback(
        "cairn_maintenance_tokens", "Bearer tokens that are kept, by state.",
        {{"state", std::string(TokenStateName(state))}}, /*counts=*/false,
        [count, state] { return static_cast<double>(count(state)); });
  }
}

}  // namespace cairn::maintenance
