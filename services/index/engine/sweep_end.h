#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/names.h"
#include "services/index/client/sweep_client.h"
#include "services/index/engine/sweep.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {

// Removes the rows of what a sweep has let go: gone snapshots that were no
// roots of its Mark and whose events were listed, and the groups that they
// leave without a snapshot. In batches, each whole in itself: one that fails
// leaves rows to the next sweep. Thread-safe.
class GoneRemoval {
 public:
  // Outlives the object.
  explicit GoneRemoval(IndexStore* store) : store_(store) {}

  // FailedPrecondition: the sweep has not been marked, or its events not been
  // listed.
  absl::StatusOr<EndedSweep> Remove(Sweep& sweep);

 private:
  absl::Status RemoveBatch(Sweep& sweep, const std::vector<SnapshotName>& names,
                           EndedSweep& ended);
  // Adds those of `groups` that have no row but those in `removed`, and no
  // session that may still publish.
  absl::Status AddEmptyGroups(const Sweep& sweep, const IndexView& view,
                              const std::set<GroupName>& groups,
                              const absl::flat_hash_set<std::string>& removed,
                              IndexBatch& batch, EndedSweep& ended)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(sweep.datastore->gate);

  IndexStore* const store_;
};

}  // namespace cairn::index
