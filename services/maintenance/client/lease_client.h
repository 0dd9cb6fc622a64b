#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/model/call.h"
#include "common/model/catalog.h"
#include "common/model/datastore.h"
#include "common/model/lease.h"

namespace cairn {

struct LeaseRequest {
  // Chosen by the caller: the same id again is the same lease. Claims,
  // purpose and session epoch must be the same then (InvalidArgument);
  // holder and ttl may be others, as when another instance goes on.
  Uuid id;
  std::string datastore;  // the {d}
  DatastoreRef ref;
  std::vector<LeaseClaim> claims;  // 1..16
  std::string holder;              // at most 256 bytes of printable UTF-8
  LeasePurpose purpose = LeasePurpose::kBackup;
  absl::Duration ttl;  // 1 s..24 h; zero: the server's default
  // A lease granted again to a session that lost it keeps the session's
  // epoch. Aborted (SESSION_FENCED) if it is below the fence;
  // InvalidArgument if the datastore has not reached it.
  std::optional<uint64_t> session_epoch;
};

struct EpochState {
  uint64_t epoch = 0;  // E
  uint64_t token = 0;  // F
  uint64_t cut = 0;    // of the last advance; 0: none yet
  std::optional<absl::Time> oldest_lease_start;  // none: no live lease
  uint64_t live_leases = 0;
};

// The coordinator of leases, epochs and sweep tokens. Leases give liveness;
// no safety rests on one being alive. Thread-safe.
class LeaseClient {
 public:
  virtual ~LeaseClient() = default;

  // All claims or none; durable before the answer. FailedPrecondition
  // (LEASE_HELD) names the conflicting lease, its holder and start;
  // FailedPrecondition (GENERATION_MISMATCH): `ref` is not what index knows.
  // A claim on a snapshot by a purpose that does not write: NotFound if the
  // snapshot is gone (recorded first, then asked from index, then granted).
  // An exclusive lease on a datastore that follows an expiry raises epoch and
  // fence first. ResourceExhausted (LIMIT_EXCEEDED): too many leases.
  // Unavailable: index or chunk_storage could not be asked; repeat.
  virtual absl::StatusOr<Lease> Acquire(const Call& call,
                                        const LeaseRequest& request) = 0;

  // Starts the ttl anew. An expired lease comes back to life if its epoch is
  // not fenced and nothing conflicting was granted since; otherwise Aborted
  // (LEASE_EXPIRED or SESSION_FENCED). A lease on a snapshot that comes back
  // is confirmed by index as if it were acquired.
  virtual absl::StatusOr<Lease> Renew(const Call& call,
                                      const std::string& datastore,
                                      const Uuid& id) = 0;

  // Idempotent: a lease that is not there is released.
  virtual absl::Status Release(const Call& call, const std::string& datastore,
                               const Uuid& id) = 0;

  virtual absl::StatusOr<ListPage<Lease>> List(const Call& call,
                                               const std::string& datastore,
                                               const PageRequest& page) = 0;

  virtual absl::StatusOr<EpochState> GetEpoch(const Call& call,
                                              const std::string& datastore) = 0;

  // Step 1 of a sweep and its publication: E := E+1, F := F+1, cut := the
  // least epoch of the live leases that may write, at most E, in one synced
  // batch; then raises the fence in index and shows the token to
  // chunk_storage.
  virtual absl::StatusOr<EpochState> AdvanceEpoch(
      const Call& call, const std::string& datastore) = 0;
};

}  // namespace cairn
