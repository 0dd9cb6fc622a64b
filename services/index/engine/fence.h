#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "common/model/datastore.h"
#include "services/index/client/fence_client.h"
#include "services/index/engine/datastore_registry.h"
#include "services/index/metrics.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {

// The number that shuts out sessions a sweep has overtaken. Thread-safe.
class Fence {
 public:
  // All outlive the object.
  Fence(IndexStore* store, const DatastoreRegistry* datastores,
        IndexMetrics* metrics)
      : store_(store), datastores_(datastores), metrics_(metrics) {}

  absl::StatusOr<FenceState> Raise(const DatastoreRef& datastore, uint64_t cut,
                                   uint64_t token);
  // The same under the gate, with other numbers that change in the same batch:
  // `numbers` are the present ones with them. Nothing is written if nothing
  // changes. FailedPrecondition (STALE_TOKEN).
  absl::Status RaiseLocked(DatastoreState& state, uint64_t cut, uint64_t token,
                           IndexState numbers)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(state.gate);
  absl::StatusOr<FenceState> Get(const DatastoreRef& datastore) const;

 private:
  IndexStore* const store_;
  const DatastoreRegistry* const datastores_;
  IndexMetrics* const metrics_;
};

}  // namespace cairn::index
