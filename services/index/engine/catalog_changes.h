#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/call.h"
#include "common/model/catalog.h"
#include "common/time/clock.h"
#include "services/index/client/catalog_client.h"
#include "services/index/engine/datastore_registry.h"
#include "services/index/metrics.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {

// Changes the catalog in two steps, as CatalogClient says. A change that is
// committed after one with a higher number ends as a replay of both by number
// ends: a field keeps the value of the highest number. Thread-safe.
class CatalogChanges {
 public:
  // All outlive the object.
  CatalogChanges(IndexStore* store, DatastoreRegistry* datastores,
                 const Clock* clock, IndexMetrics* metrics)
      : store_(store),
        datastores_(datastores),
        clock_(clock),
        metrics_(metrics) {}

  // A RefusedPublish also ends its session, durably, before it is answered:
  // once its event may exist, the session can never be published.
  absl::StatusOr<PreparedChange> Prepare(const Call& call,
                                         const CatalogChange& change);
  absl::Status Commit(const Call& call, const CatalogChange& change,
                      uint64_t sequence);

 private:
  absl::StatusOr<PreparedChange> PrepareDatastore(
      const Call& call, const CreateDatastoreChange& change);
  absl::Status CommitDatastore(const CreateDatastoreChange& change);

  IndexStore* const store_;
  DatastoreRegistry* const datastores_;
  const Clock* const clock_;
  IndexMetrics* const metrics_;
};

}  // namespace cairn::index
