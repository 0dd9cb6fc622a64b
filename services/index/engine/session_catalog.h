#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/call.h"
#include "common/model/catalog.h"
#include "common/model/session.h"
#include "common/time/clock.h"
#include "services/index/client/session_client.h"
#include "services/index/engine/datastore_registry.h"
#include "services/index/metrics.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {

// Which sessions a list shows.
enum class SessionFilter { kAll, kOpen, kUncancelled };

// Opens, shows and aborts sessions. Thread-safe.
class SessionCatalog {
 public:
  struct Options {
    // Of one datastore: open and not fenced, and those that have ended with
    // a manifest that is not cancelled. They are kept in memory.
    size_t max_open_sessions = 4096;
  };

  // All outlive the object.
  SessionCatalog(const Options& options, IndexStore* store,
                 DatastoreRegistry* datastores, const Clock* clock,
                 IndexMetrics* metrics)
      : options_(options),
        store_(store),
        datastores_(datastores),
        clock_(clock),
        metrics_(metrics) {}

  absl::StatusOr<Session> Open(const Call& call, const NewSession& request);
  absl::StatusOr<Session> Get(const SessionName& name) const;
  // By session id; without builder states.
  absl::StatusOr<ListPage<Session>> List(const std::string& datastore,
                                         SessionFilter filter,
                                         const PageRequest& page) const;
  absl::Status Abort(const SessionRef& ref);

 private:
  absl::StatusOr<SessionRow> NewRow(const Call& call, const IndexView& view,
                                    const NewSession& request) const;
  absl::Status Reopen(const NewSession& request, const SessionName& name,
                      const SessionRow& row, uint64_t fence) const;
  // ResourceExhausted (LIMIT_EXCEEDED): there are as many as may be.
  absl::Status CheckRoom(const DatastoreState& state) const
      ABSL_SHARED_LOCKS_REQUIRED(state.gate);
  // Adds the removal of a few rows that no call can be about any more.
  absl::Status AddPurge(DatastoreState& state, const IndexView& view,
                        IndexBatch& batch, size_t& purged)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(state.gate);

  const Options options_;
  IndexStore* const store_;
  DatastoreRegistry* const datastores_;
  const Clock* const clock_;
  IndexMetrics* const metrics_;
};

}  // namespace cairn::index
