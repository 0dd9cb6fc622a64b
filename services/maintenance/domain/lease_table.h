#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/model/lease.h"
#include "common/model/uuid.h"

namespace cairn::maintenance {

// Where a lease stands. kPending: recorded while its snapshots are being
// asked from index; excludes others already. kExpired: its ttl has passed; it
// excludes nobody and may come back.
enum class LeasePhase : uint8_t { kPending = 1, kLive = 2, kExpired = 3 };

struct LeaseEntry {
  Lease lease;  // valid; without age and remaining
  LeasePhase phase = LeasePhase::kLive;
  absl::Duration deadline;  // on the coordinator's monotonic clock

  // Whether it is a guard: excludes others and holds back a cut.
  bool holds() const { return phase != LeasePhase::kExpired; }
};

// How many leases claim one resource, by mode.
struct HolderCounts {
  uint64_t shared = 0;
  uint64_t exclusive = 0;
  friend bool operator==(const HolderCounts&, const HolderCounts&) = default;
};

// The leases of one datastore and the rules between them:
//  - two leases conflict if they claim the same resource and one of the two
//    claims is exclusive; any claim implies shared on the datastore;
//  - holders are counted per resource, live and expired apart, and a resource
//    that nobody holds is not in the books at all: whatever else the holder's
//    process still does, nothing stays held when its last lease goes;
//  - an expired lease excludes nobody.
// Time comes in as an argument. Not thread-safe.
class LeaseTable {
 public:
  explicit LeaseTable(std::string datastore);

  size_t size() const { return entries_.size(); }
  // Guards: pending and live leases.
  uint64_t live_count() const;
  uint64_t live_count(LeasePurpose purpose) const;
  // Of live leases. Zeros for a resource that nobody holds.
  HolderCounts holders(std::string_view resource) const;

  // Null if there is none. Valid until the next change.
  const LeaseEntry* Find(const Uuid& id) const;

  // Adds the entry, in the place of one of the same id. The caller has
  // checked what has to be checked (ValidateLease, CheckFree).
  void Put(LeaseEntry entry);
  // False if it was not there.
  bool Remove(const Uuid& id);

  // Marks the leases whose deadline is not after `now` expired. Returns them.
  std::vector<Uuid> Expire(absl::Duration now);

  // Whether `lease`, which is not live, may be granted beside the live ones.
  // FailedPrecondition (LEASE_HELD) names the lease in the way, the resource,
  // its holder and its start.
  absl::Status CheckFree(const Lease& lease) const;

  // The expired leases, other than `lease` itself, that could not be live
  // beside it: once it is granted they cannot come back.
  std::vector<Uuid> FindExpiredRivals(const Lease& lease) const;
  // The expired leases whose epoch is below `fence`.
  std::vector<Uuid> FindExpiredBelow(uint64_t fence) const;
  // The expired lease that started first, if any.
  std::optional<Uuid> OldestExpired() const;

  // Of the live lease that started first; none if there is none.
  std::optional<absl::Time> OldestStart() const;

  // The least epoch of the live leases that may write, at most `epoch`.
  // FailedPrecondition names a live lease whose start is unknown (epoch 0):
  // nothing may be cut until it has gone.
  absl::StatusOr<uint64_t> Cut(uint64_t epoch) const;

  // Where a lease stands in a list: oldest first.
  using Position = std::pair<absl::Time, Uuid>;
  static Position PositionOf(const Lease& lease) {
    return {lease.start_time, lease.id};
  }
  // At most `limit` entries after `after` (none: from the first). Valid until
  // the next change.
  std::vector<const LeaseEntry*> List(const std::optional<Position>& after,
                                      size_t limit) const;

 private:
  using Holders = absl::flat_hash_map<std::string, HolderCounts>;

  void Count(const LeaseEntry& entry);
  void Uncount(const LeaseEntry& entry);
  static void CountClaims(const Lease& lease, Holders& holders);
  static void UncountClaims(const Lease& lease, Holders& holders);
  // The first claim of `lease` that `holders` do not let it have.
  static std::optional<LeaseClaim> FindHeld(const Lease& lease,
                                            const Holders& holders);
  absl::Status HeldError(const LeaseClaim& wanted) const;

  const std::string datastore_;
  std::map<Uuid, LeaseEntry> entries_;
  // What entries_ add up to.
  std::set<Position> by_start_;
  std::set<std::pair<absl::Duration, Uuid>> deadlines_;  // of live ones
  std::map<LeasePurpose, uint64_t> purposes_;            // of live ones
  Holders live_holders_;
  Holders expired_holders_;
};

}  // namespace cairn::maintenance
