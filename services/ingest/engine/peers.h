#pragma once

#include "absl/time/time.h"
#include "common/model/call.h"
#include "common/time/clock.h"
#include "services/chunk_storage/client/chunk_client.h"
#include "services/index/client/catalog_client.h"
#include "services/index/client/session_client.h"
#include "services/maintenance/client/catalog_changes.h"
#include "services/maintenance/client/lease_client.h"

namespace cairn::ingest {

// The services that ingest asks. All outlive who holds this.
struct Peers {
  CatalogClient* catalog = nullptr;
  SessionClient* sessions = nullptr;
  ChunkClient* chunks = nullptr;
  LeaseClient* leases = nullptr;
};

// Longest time of one question to a peer; a batch of 64 MiB at the speed of
// a slow disk fits.
inline constexpr absl::Duration kPeerTimeout = absl::Seconds(60);

// How changes of the catalog reach the peers.
CatalogChanges::Dependencies ForChanges(const Peers& peers, const Clock* clock);

// `call` for one question to a peer: a stream may last for days, no answer
// may.
Call ForPeer(const Call& call, const Clock& clock);

// `call` for work that must end once it has begun, whether or not its caller
// still waits: without the caller's token and deadline. Each question of it
// is bounded by ForPeer as ever.
Call Detached(const Call& call);

// For what ingest must see to by itself, whoever asked for what led to it, and
// whether or not they wait.
Call OwnCall();

// `call` for giving back what it holds at a peer: detached, and short enough
// for a caller who is gone already.
inline constexpr absl::Duration kReleaseTimeout = absl::Seconds(10);
Call ForRelease(const Call& call, const Clock& clock);

}  // namespace cairn::ingest
