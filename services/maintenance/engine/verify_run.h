#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/model/call.h"
#include "common/model/uuid.h"
#include "services/chunk_storage/client/sweep_client.h"
#include "services/index/client/sweep_client.h"
#include "services/maintenance/domain/bad_records.h"
#include "services/maintenance/domain/run_options.h"
#include "services/maintenance/domain/run_results.h"
#include "services/maintenance/domain/verify_plan.h"
#include "services/maintenance/engine/lease_guard.h"
#include "services/maintenance/engine/run_control.h"
#include "services/maintenance/engine/sweep_session.h"

namespace cairn::maintenance {

// One verify of a scope: lists its snapshots, marks what they refer to, proves
// the packs that hold it, the longest unproved first, and names the snapshots
// and ranges that cannot be restored. Goes on past damage. Runs beside
// everything else: its lease is shared on the datastore, so that it keeps out
// maintenance mode alone, and no gc; what a gc moves meanwhile it proves itself
// before it drops the original. Used once, on one thread.
class VerifyRun {
 public:
  struct Options {
    RunTimes times;
    // Of one step: the time between two looks at cancel, pause and budget.
    size_t batch_packs = 16;
    uint64_t batch_bytes = uint64_t{1} << 30;
    size_t max_snapshots = 1'000'000;
    size_t max_bad_records = 1'000'000;
  };

  // `control` outlives the run.
  VerifyRun(const Options& options, const RunPeers& peers, const Uuid& task,
            const VerifyRunOptions& asked, RunControl* control);
  ~VerifyRun();

  // NotFound: the datastore, or the one snapshot. DataLoss: a page of index
  // cannot be read; rebuild it. ResourceExhausted: too many snapshots.
  absl::StatusOr<VerifyRunResult> Run();

 private:
  absl::Status Begin();
  absl::Status List();
  absl::Status AddListed(const Snapshot& snapshot);
  absl::Status Mark();
  absl::StatusOr<VerifyPlan> Plan();
  absl::Status Prove(const VerifyPlan& plan);
  absl::Status ProveBatch(const std::vector<VerifyStep>& batch);
  absl::Status AddKnownDamage();
  absl::Status FindDamaged();
  void AddDamaged(const DamagedSnapshot& damaged);
  absl::Status Save();
  VerifyRunResult Conclude();
  absl::Status Checkpoint();
  Call NewCall(absl::Duration timeout) const;
  bool OverTime() const;

  const Options options_;
  const RunPeers peers_;
  const Uuid task_;
  const VerifyRunOptions asked_;
  RunControl* const control_;
  const absl::Duration end_;  // of the budget, monotonic

  std::unique_ptr<LeaseGuard> lease_;
  DatastoreRef datastore_;
  // Proofs before it are too old; none: all are.
  std::optional<absl::Time> proved_since_;
  std::vector<SnapshotName> due_;  // to be judged
  uint64_t listed_ = 0;
  absl::Time last_publish_ = absl::InfinitePast();
  SnapshotScope scope_;
  bool has_set_ = false;  // chunk_storage may know it
  BadRecords bad_;
  std::map<SnapshotName, DamagedSnapshot> failed_;
  bool missing_named_ = true;  // all of them
  // Everything that the scope refers to is in a sealed pack, or missing.
  bool all_in_packs_ = true;
  VerifyRunResult result_;
};

}  // namespace cairn::maintenance
