#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/time/clock.h"
#include "services/index/engine/datastore_registry.h"
#include "services/index/engine/datastore_state.h"
#include "services/index/metrics.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {

// Looks up what the gauges of datastores show: how old the backups of their
// groups are, what they hold, how long their sessions are open. A walk over
// all groups, in memory for none of them. Thread-safe.
class CatalogFigures {
 public:
  // A group whose newest listed snapshot is older is late: a day, and two
  // hours for a backup that takes longer than the one before.
  static constexpr absl::Duration kLateAfter = absl::Hours(26);

  // All outlive the object.
  CatalogFigures(const IndexStore* store, const DatastoreRegistry* datastores,
                 const Clock* clock, IndexMetrics* metrics)
      : store_(store),
        datastores_(datastores),
        clock_(clock),
        metrics_(metrics) {}

  // Every datastore. One in trouble keeps no other from its figures; the
  // first error is returned.
  absl::Status Show() const;

 private:
  absl::StatusOr<DatastoreFigures> Read(const DatastoreState& state) const;

  const IndexStore* const store_;
  const DatastoreRegistry* const datastores_;
  const Clock* const clock_;
  IndexMetrics* const metrics_;
};

}  // namespace cairn::index
