#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/concurrency/cancellation.h"
#include "common/concurrency/executor.h"
#include "common/concurrency/repeater.h"
#include "common/model/call.h"
#include "common/model/uuid.h"
#include "common/time/clock.h"
#include "services/index/client/catalog_client.h"
#include "services/ingest/engine/peers.h"
#include "services/maintenance/client/catalog_changes.h"

namespace cairn::ingest {

// Sees to sessions that nobody comes back to, in every datastore, once at the
// start and then again and again:
//  - A session that has ended with a prepared manifest, because a process
//    died between its end and the event that cancels it, gets that event.
//  - When a datastore has three quarters of the sessions that it may have,
//    open ones without a lease are aborted, those opened first first, until
//    half are left: abandoned sessions never keep new ones out. Until then
//    they can be resumed. A session counts as abandoned if two rounds in a
//    row find it without a live lease: not if it is between a loss of its
//    lease (as when maintenance has lost its rows) and its next renewal.
// Safe beside everything else: an aborted session cannot be published, and
// each step may be done twice. So every replica of ingest does them.
// Thread-safe.
class SessionUpkeep {
 public:
  struct Options {
    // Longer than a live session goes between two renewals of its lease.
    absl::Duration period = absl::Minutes(1);
  };
  // All outlive the object.
  struct Dependencies {
    Peers peers;
    CatalogChanges* changes = nullptr;
    const Clock* clock = nullptr;
    Executor* executor = nullptr;
  };

  SessionUpkeep(const Options& options, const Dependencies& dependencies);
  // As Stop.
  ~SessionUpkeep();

  // Schedules the first round at once. Call it once.
  void Start();
  // Cancels a running round, waits for its end, and starts no other.
  // Idempotent. Not to be called from the executor's tasks.
  void Stop();

  // One round, one at a time. An error of one datastore keeps no other from
  // its turn; the first error is returned.
  absl::Status Run(const Call& call);

 private:
  absl::Status SeeTo(const Call& call, const std::string& datastore);
  // At most `count` of them.
  absl::Status EndAbandoned(const Call& call, const std::string& datastore,
                            uint64_t count);
  absl::Status CancelManifests(const Call& call, const std::string& datastore);
  // Returns the time until the next.
  absl::Duration RunRound(const CancellationToken& stop);

  const Options options_;
  const Dependencies dependencies_;
  // By datastore: open sessions that the last round found without a lease.
  // Only of datastores that are near their limit, and as many as that.
  std::map<std::string, std::set<Uuid>> without_lease_;
  bool failing_ = false;  // the last round that was scheduled

  Repeater repeater_;
};

}  // namespace cairn::ingest
