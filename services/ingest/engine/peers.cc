#include "services/ingest/engine/peers.h"

#include <algorithm>

namespace cairn::ingest {

Call ForPeer(const Call& call, const Clock& clock) {
  Call result = call;
  result.deadline = std::min(call.deadline, clock.Now() + kPeerTimeout);
  return result;
}

}  // namespace cairn::ingest
