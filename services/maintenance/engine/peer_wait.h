#pragma once

#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/concurrency/executor.h"
#include "common/time/clock.h"
#include "services/maintenance/engine/run_control.h"

namespace cairn::maintenance {

// Lets a run that begins right after a start of the process, or while a peer
// is started again, wait for its peers instead of failing.
struct PeerWait {
  // Asks index and chunk_storage; OK: both answer.
  std::function<absl::Status()> ask;
  const Clock* clock = nullptr;  // both outlive the wait
  Executor* executor = nullptr;
  absl::Duration longest = absl::Seconds(30);
};

// Asks and waits while the answer is Unavailable or DeadlineExceeded, and shows
// that in the task. OK: the run may go on, also when the peers have not come
// within the time: what they are needed for says best what is wrong.
// Cancelled: the run is to end.
absl::Status AwaitPeers(const PeerWait& wait, RunControl& control);

}  // namespace cairn::maintenance
