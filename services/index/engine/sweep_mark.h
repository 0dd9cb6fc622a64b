#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/model/call.h"
#include "common/model/mark.h"
#include "common/time/clock.h"
#include "services/index/client/sweep_client.h"
#include "services/index/engine/mark_walk.h"
#include "services/index/engine/sweep.h"
#include "services/index/metrics.h"
#include "services/index/storage/run_file.h"

namespace cairn::index {

// Tells how far a long walk is, not too often, and whether it must end.
class WalkReporter {
 public:
  // All outlive the reporter.
  WalkReporter(const Call* call, const Clock* clock, MarkProgressSink progress)
      : call_(*call),
        clock_(*clock),
        progress_(progress),
        next_(clock->Monotonic() + kInterval) {}

  // Cancelled, if the call is.
  absl::Status Tick(const MarkProgress& progress);
  void Tell(const MarkProgress& progress) { progress_(progress); }

 private:
  static constexpr absl::Duration kInterval = absl::Milliseconds(250);

  const Call& call_;
  const Clock& clock_;
  const MarkProgressSink progress_;
  absl::Duration next_;
};

// Walks the pages below the roots of `sweep`, all from its view:
// - what is listed or in trash, and what of the gone a lease holds;
// - of sessions that are open with an epoch at or above the cut: roots and
//   unfinished pages of their checkpoints, the roots of what they may take
//   over of their base, and the manifest that they have prepared.
// DataLoss also: there are not as many snapshots as the view's numbers say,
// so something is not as it should be and nothing may be dropped by it.
// All outlive the call; `runs` also the stream.
absl::StatusOr<std::unique_ptr<MarkStream>> MarkSweep(
    const Call& call, Sweep& sweep, const std::vector<std::string>& leased,
    const MarkWalk::Options& options, RunDirectory* runs, const Clock& clock,
    IndexMetrics& metrics, MarkProgressSink progress);

}  // namespace cairn::index
