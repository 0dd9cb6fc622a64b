#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "common/model/call.h"
#include "common/model/datastore.h"

namespace cairn {

struct FenceState {
  uint64_t fence = 0;          // sessions with a lower epoch are refused
  uint64_t sequence = 0;       // at least every sequence handed out so far
  uint64_t highest_epoch = 0;  // of any session seen
  uint64_t highest_token = 0;  // of any sweep seen
};

// The part of index that maintenance drives. Thread-safe.
class FenceClient {
 public:
  virtual ~FenceClient() = default;

  // fence := max(fence, cut) in one synced batch. When it returns, no session
  // with epoch < cut can publish, splice or checkpoint any more.
  // FailedPrecondition (STALE_TOKEN): a higher token was seen.
  virtual absl::StatusOr<FenceState> RaiseFence(const Call& call,
                                                const DatastoreRef& datastore,
                                                uint64_t cut,
                                                uint64_t token) = 0;
  virtual absl::StatusOr<FenceState> GetFence(
      const Call& call, const DatastoreRef& datastore) = 0;
};

}  // namespace cairn
