#include "services/ingest/engine/peers.h"

#include <algorithm>

namespace cairn::ingest {

CatalogChanges::Dependencies ForChanges(const Peers& peers,
                                        const Clock* clock) {
  return {.catalog = peers.catalog,
          .chunks = peers.chunks,
          .clock = clock,
          .peer_timeout = kPeerTimeout};
}

Call ForPeer(const Call& call, const Clock& clock) {
  Call result = call;
  result.deadline = std::min(call.deadline, clock.Now() + kPeerTimeout);
  return result;
}

Call Detached(const Call& call) {
  Call result = call;
  result.deadline = absl::InfiniteFuture();
  result.cancellation = nullptr;
  return result;
}

Call OwnCall() {
  return {.caller = {.kind = CallerKind::kLocal,
                     .role = CallerRole::kIngest,
                     .principal = "ingest@service"}};
}

Call ForRelease(const Call& call, const Clock& clock) {
  Call result = Detached(call);
  result.deadline = clock.Now() + kReleaseTimeout;
  return result;
}

}  // namespace cairn::ingest
