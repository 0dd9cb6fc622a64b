#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/call.h"
#include "common/model/datastore.h"
#include "common/model/mark.h"
#include "common/time/clock.h"
#include "services/index/client/sweep_client.h"
#include "services/index/engine/datastore_registry.h"
#include "services/index/engine/mark_walk.h"
#include "services/index/metrics.h"
#include "services/index/storage/index_store.h"
#include "services/index/storage/run_file.h"

namespace cairn::index {

// The part of index in a verify: its calls, as IndexSweepClient says.
// Thread-safe.
class ScopeReader {
 public:
  // All outlive the reader; `runs` also the streams of marks.
  ScopeReader(const MarkWalk::Options& walk, IndexStore* store,
              const DatastoreRegistry* datastores, RunDirectory* runs,
              const Clock* clock, IndexMetrics* metrics)
      : walk_(walk),
        store_(store),
        datastores_(datastores),
        runs_(runs),
        clock_(clock),
        metrics_(metrics) {}

  absl::StatusOr<std::unique_ptr<MarkStream>> Mark(
      const Call& call, const DatastoreRef& datastore,
      const SnapshotScope& scope, MarkProgressSink progress);

  absl::Status FindReferences(
      const Call& call, const DatastoreRef& datastore,
      const SnapshotScope& scope, const std::vector<MarkRun>& records,
      uint32_t max_ranges,
      absl::FunctionRef<void(const DamagedSnapshot&)> take);

  absl::Status SaveVerifications(
      const DatastoreRef& datastore,
      const std::vector<SnapshotVerification>& verifications);

 private:
  const MarkWalk::Options walk_;
  IndexStore* const store_;
  const DatastoreRegistry* const datastores_;
  RunDirectory* const runs_;
  const Clock* const clock_;
  IndexMetrics* const metrics_;
};

}  // namespace cairn::index
