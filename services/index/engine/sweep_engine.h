#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/call.h"
#include "common/model/datastore.h"
#include "common/model/mark.h"
#include "common/time/clock.h"
#include "services/index/client/sweep_client.h"
#include "services/index/engine/datastore_registry.h"
#include "services/index/engine/fence.h"
#include "services/index/engine/mark_walk.h"
#include "services/index/engine/page_drop.h"
#include "services/index/engine/sweep_end.h"
#include "services/index/engine/sweep_registry.h"
#include "services/index/engine/sweep_start.h"
#include "services/index/metrics.h"
#include "services/index/storage/index_store.h"
#include "services/index/storage/run_file.h"

namespace cairn::index {

// The part of index in a sweep: its calls, as IndexSweepClient says.
// Thread-safe.
class SweepEngine {
 public:
  struct Options {
    SweepStart::Options start;
    MarkWalk::Options walk;
  };

  // All outlive the engine; `runs` also the streams of marks.
  SweepEngine(const Options& options, IndexStore* store,
              const DatastoreRegistry* datastores, Fence* fence,
              RunDirectory* runs, const Clock* clock, IndexMetrics* metrics);

  absl::StatusOr<IndexSweep> Begin(const DatastoreRef& datastore,
                                   const IndexSweepRequest& request);
  absl::StatusOr<GoneEvents> ListGoneEvents(const DatastoreRef& datastore,
                                            uint64_t token,
                                            uint64_t after_sequence);
  absl::StatusOr<std::unique_ptr<MarkStream>> Mark(
      const Call& call, const DatastoreRef& datastore, uint64_t token,
      const std::vector<std::string>& leased_snapshots,
      MarkProgressSink progress);
  absl::StatusOr<DroppedPages> DropPages(const DatastoreRef& datastore,
                                         uint64_t token, uint32_t max_pages,
                                         bool dry_run);
  absl::StatusOr<EndedSweep> End(const DatastoreRef& datastore, uint64_t token,
                                 bool remove_gone);

 private:
  absl::StatusOr<std::shared_ptr<Sweep>> Find(const DatastoreRef& datastore,
                                              uint64_t token) const;

  const Options options_;
  const DatastoreRegistry* const datastores_;
  RunDirectory* const runs_;
  const Clock* const clock_;
  IndexMetrics* const metrics_;
  SweepRegistry sweeps_;
  SweepStart start_;
  PageDrop page_drop_;
  GoneRemoval gone_removal_;
};

}  // namespace cairn::index
