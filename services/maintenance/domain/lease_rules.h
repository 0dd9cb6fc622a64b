#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/model/lease.h"
#include "common/model/names.h"

// What a lease may look like, and what its claims mean.
namespace cairn::maintenance {

inline constexpr size_t kMaxClaims = 16;
inline constexpr size_t kMaxHolderLength = 256;
inline constexpr absl::Duration kMinLeaseTtl = absl::Seconds(1);
inline constexpr absl::Duration kMaxLeaseTtl = absl::Hours(24);

enum class ResourceKind { kDatastore, kSweep, kGroup, kSnapshot };

// The one written form of a datastore, "datastores/{d}", and of the right to
// sweep it, "datastores/{d}/sweep".
std::string DatastoreResource(std::string_view datastore);
std::string SweepResource(std::string_view datastore);

// What `resource` is. InvalidArgument: no resource that can be leased, or not
// inside `datastore`. Names have exactly one written form, so equal resources
// are equal strings.
absl::StatusOr<ResourceKind> ClassifyResource(std::string_view resource,
                                              std::string_view datastore);

// Everything but epoch and times: the id, the datastore's name, 1..16 claims
// on different resources inside it, a holder of at most 256 bytes of
// printable UTF-8, a known purpose, a ttl within bounds. InvalidArgument names
// what is wrong.
absl::Status ValidateLease(const Lease& lease);

// The claims with what they imply: any claim implies shared on the datastore.
std::vector<LeaseClaim> EffectiveClaims(const Lease& lease);

// True if the lease shuts out every other lease of its datastore.
bool TakesDatastore(const Lease& lease);

// The snapshots whose presence a lease rests on: those claimed by a lease
// that only reads. A writer's base is protected by its pins and by the
// splice rule of index. `lease` is valid.
std::vector<SnapshotName> ReadSnapshots(const Lease& lease);

// Same claims, in any order.
bool SameClaims(const Lease& a, const Lease& b);

}  // namespace cairn::maintenance
