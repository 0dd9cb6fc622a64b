#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/catalog.h"
#include "common/model/session.h"
#include "common/time/clock.h"
#include "common/wire/catalog_records.h"
#include "services/index/client/session_client.h"
#include "services/index/engine/datastore_registry.h"
#include "services/index/metrics.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {

// Turns a session into a listed snapshot, in two steps around the caller's
// append of the manifest. Thread-safe.
class Publisher {
 public:
  // All outlive the object.
  Publisher(IndexStore* store, const DatastoreRegistry* datastores,
            const Clock* clock, IndexMetrics* metrics)
      : store_(store),
        datastores_(datastores),
        clock_(clock),
        metrics_(metrics) {}

  // The number and the manifest are durable before the answer, so that the
  // same are given again after a crash.
  absl::StatusOr<PreparedPublish> Prepare(const SessionRef& session,
                                          const PublishRequest& request);
  absl::StatusOr<Snapshot> Commit(const SessionRef& session, uint64_t sequence);

 private:
  // What must hold at both steps besides the session's own state.
  absl::Status CheckTarget(const IndexView& view, const SessionRow& row) const;
  absl::Status CheckRootsStored(const Uuid& datastore,
                                const Manifest& manifest) const;
  absl::Status CheckOpen(const DatastoreState& state, const SessionName& name,
                         const SessionRow& row, const SessionRef& session)
      ABSL_SHARED_LOCKS_REQUIRED(state.gate);
  absl::Status List(DatastoreState& state, const IndexView& view,
                    const SessionRef& session, SessionRow row)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(state.gate);

  IndexStore* const store_;
  const DatastoreRegistry* const datastores_;
  const Clock* const clock_;
  IndexMetrics* const metrics_;
};

}  // namespace cairn::index
