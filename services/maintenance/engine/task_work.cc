#include "services/maintenance/engine/task_work.h"

#include <variant>

#include "common/log/log.h"
#include "common/status/status_macros.h"
#include "services/maintenance/engine/lease_guard.h"
#include "services/maintenance/engine/pack_proofs.h"
#include "services/maintenance/engine/peer_wait.h"

namespace cairn::maintenance {

absl::StatusOr<std::string> TaskWork::Run(const Task& task,
                                          RunControl& control) const {
  ASSIGN_OR_RETURN(const RunOptions asked,
                   dependencies_.codec->DecodeOptions(task.request.kind,
                                                      task.request.options));
  RETURN_IF_ERROR(AwaitPeers({.ask = dependencies_.ask,
                              .clock = dependencies_.peers.clock,
                              .executor = dependencies_.peers.executor},
                             control));
  ASSIGN_OR_RETURN(const RunResult result, std::visit(
                                               [&](const auto& options) {
                                                 return RunOne(task.id, options,
                                                               control);
                                               },
                                               asked));
  return dependencies_.codec->EncodeResult(result);
}

absl::StatusOr<RunResult> TaskWork::RunOne(const Uuid&,
                                           const PruneRunOptions& asked,
                                           RunControl& control) const {
  ASSIGN_OR_RETURN(const PruneRunResult result,
                   dependencies_.pruner->Run(asked, control));
  if (!asked.validate_only) {
    const MaintenanceMetrics& metrics = *dependencies_.metrics;
    metrics.prune_removed.Increment(static_cast<double>(result.forgotten));
    metrics.prune_guard_trips.Increment(static_cast<double>(result.refused));
    metrics.prune_failed.Increment(static_cast<double>(result.failed));
  }
  return RunResult(result);
}

absl::StatusOr<RunResult> TaskWork::RunOne(const Uuid& task,
                                           const GcRunOptions& asked,
                                           RunControl& control) const {
  ASSIGN_OR_RETURN(const GcRunResult result,
                   GcRun(options_.gc, dependencies_.peers,
                         dependencies_.metrics, task, asked, &control)
                       .Run());
  return RunResult(result);
}

absl::StatusOr<RunResult> TaskWork::RunOne(const Uuid& task,
                                           const VerifyRunOptions& asked,
                                           RunControl& control) const {
  ASSIGN_OR_RETURN(
      const VerifyRunResult result,
      VerifyRun(options_.verify, dependencies_.peers, task, asked, &control)
          .Run());
  dependencies_.metrics->ShowFailedSnapshots(asked.scope.datastore(),
                                             result.verified_failed,
                                             IsWholeDatastore(asked.scope));
  const RunPeers& peers = dependencies_.peers;
  const absl::StatusOr<VerifyDebt> debt =
      ReadVerifyDebt(MaintenanceCall(peers.clock->Now() + options_.times.call,
                                     control.cancellation()),
                     peers, asked.scope.datastore());
  if (debt.ok()) {
    dependencies_.metrics->ShowVerifyDebt(
        asked.scope.datastore(), debt->never_proved_bytes, debt->oldest_proof);
  } else {
    LOG(WARNING) << "verification debt not shown task=" << task.ToString()
                 << " error=" << debt.status();
  }
  return RunResult(result);
}

}  // namespace cairn::maintenance
