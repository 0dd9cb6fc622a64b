#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/model/uuid.h"
#include "services/maintenance/domain/gc_later.h"
#include "services/maintenance/domain/gc_plan.h"
#include "services/maintenance/domain/run_options.h"
#include "services/maintenance/domain/run_results.h"
#include "services/maintenance/engine/run_control.h"
#include "services/maintenance/engine/sweep_session.h"
#include "services/maintenance/metrics.h"

namespace cairn::maintenance {

// One gc of a datastore: begin, mark, plan, sweep, pages, end. It stops
// between steps, for good or for a while, and after any error what it has
// begun is abandoned: what was dropped was garbage, and the next run takes the
// rest, with new numbers. Used once, on one thread.
class GcRun {
 public:
  struct Options {
    RunTimes times;
    uint32_t live_percent = kDefaultLivePercent;  // if the task names none
    // Packs of one step without copies, and of one with them. A step is the
    // time between two looks at cancel, pause and budget.
    size_t drop_batch = 64;
    size_t compact_batch = 16;
    uint64_t compact_batch_bytes = uint64_t{256} << 20;
    uint32_t page_batch = 100'000;
  };

  // `peers.sweeps`, `metrics` and `control` outlive the run.
  GcRun(const Options& options, const RunPeers& peers,
        MaintenanceMetrics* metrics, const Uuid& task,
        const GcRunOptions& asked, RunControl* control);

  // Cancelled; FailedPrecondition (LEASE_HELD, INDEX_BEHIND, EMPTY_VIEW,
  // GENERATION_MISMATCH, STALE_TOKEN); Aborted (SWEEP_LOST, LEASE_EXPIRED):
  // start it again; DataLoss: a page cannot be read, see verify.
  absl::StatusOr<GcRunResult> Run();

 private:
  absl::Status Begin();
  absl::Status Mark();
  absl::StatusOr<GcPlan> Plan();
  absl::Status Sweep(const GcPlan& plan);
  absl::Status WorkOff(std::deque<PackStep> queue, bool compact);
  std::vector<PackStep> TakeBatch(std::deque<PackStep>& queue,
                                  bool compact) const;
  absl::StatusOr<SweptPacks> SweepBatch(const std::vector<PackStep>& batch,
                                        bool compact);
  void Count(const SweptPacks& swept, const std::vector<PackStep>& batch,
             bool compact);
  void Leave(const std::deque<PackStep>& queue, const char* why);
  absl::Status DropPages();
  absl::StatusOr<GcRunResult> End();
  bool OverTime() const;
  void Enter(const char* phase);
  void Info(std::string text);
  void Warn(std::string text);

  const Options options_;
  const RunPeers peers_;
  MaintenanceMetrics* const metrics_;
  const GcRunOptions asked_;
  RunControl* const control_;
  const absl::Duration end_;  // of the budget, monotonic
  SweepSession session_;

  MarkSummary marks_;
  HeldBytes held_;
  GcRunResult result_;
  int64_t freed_bytes_ = 0;  // a merge of small packs alone may cost some
};

}  // namespace cairn::maintenance
