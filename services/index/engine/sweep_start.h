#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/model/datastore.h"
#include "common/model/names.h"
#include "common/time/clock.h"
#include "services/index/client/sweep_client.h"
#include "services/index/engine/datastore_registry.h"
#include "services/index/engine/fence.h"
#include "services/index/engine/sweep_registry.h"
#include "services/index/metrics.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {

// The start of a sweep, in this order, each step durable before the next:
//   1. The token is remembered and the fence raised, with the clock.
//   2. What is in trash and whose time is over becomes gone.
//   3. The view is taken.
// Not one batch, since many thousand rows in one would hold up every backup.
// It is as if it were one:
// - Whoever the fence shuts out is shut out before the view, which is all
//   that a sweep needs of it. Earlier is only stricter.
// - A row that becomes gone is looked at again under the gate, in trash and
//   over, in the batch that changes it; nothing leads back from gone. So in
//   the view each row is listed, in trash, or gone for ever, and whoever was
//   told that an undelete has worked finds it in the view, or after it.
// - A session that has taken a base which is gone a moment later was opened
//   before the view, so its row is in it, with the base's roots.
// - If it ends half way, rows are gone of which nothing is dropped yet. The
//   next sweep finds them as it finds those of its own.
// Thread-safe.
class SweepStart {
 public:
  struct Options {
    // A clock that has gone on by more since the last sweep or forget is not
    // believed, so that one that was set wrong ends nobody's trash.
    absl::Duration max_clock_step = absl::Hours(24 * 7);
    // Rows and bytes of them in one batch.
    size_t max_batch_rows = 1000;
    size_t max_batch_bytes = size_t{4} << 20;
  };

  // All outlive the object.
  SweepStart(const Options& options, IndexStore* store, Fence* fence,
             const Clock* clock, SweepRegistry* sweeps, IndexMetrics* metrics)
      : options_(options),
        store_(store),
        fence_(fence),
        clock_(clock),
        sweeps_(sweeps),
        metrics_(metrics) {}

  // As IndexSweepClient::BeginSweep.
  absl::StatusOr<IndexSweep> Begin(DatastoreState& state,
                                   const IndexSweepRequest& request);

 private:
  // Step 1. Whether the clock has jumped.
  absl::StatusOr<bool> RaiseFence(DatastoreState& state,
                                  const IndexSweepRequest& request,
                                  absl::Time now);
  // Step 2, unless `ends_nothing`. When the next snapshot may go.
  absl::StatusOr<std::optional<absl::Time>> EndTrash(DatastoreState& state,
                                                     uint64_t token,
                                                     absl::Time now,
                                                     bool ends_nothing);
  absl::Status LetGo(DatastoreState& state, uint64_t token, absl::Time now,
                     const std::vector<SnapshotName>& names);
  // Step 3.
  absl::StatusOr<std::shared_ptr<Sweep>> TakeView(
      DatastoreState& state, const IndexSweepRequest& request,
      const std::optional<absl::Time>& would_end_trash);

  const Options options_;
  IndexStore* const store_;
  Fence* const fence_;
  const Clock* const clock_;
  SweepRegistry* const sweeps_;
  IndexMetrics* const metrics_;
};

}  // namespace cairn::index
