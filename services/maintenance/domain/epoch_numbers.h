#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "common/model/datastore.h"

namespace cairn::maintenance {

// The numbers of one datastore. They give the safety that leases do not give,
// and none of them ever gets smaller.
struct EpochNumbers {
  DatastoreRef datastore;
  uint64_t epoch = 0;  // E
  uint64_t token = 0;  // F
  uint64_t cut = 0;    // of the last advance; 0: none yet
  // Highest epoch of a lease that could write and expired; 0: none. A session
  // of it may publish late until the fence is above it.
  uint64_t expired_epoch = 0;
  friend bool operator==(const EpochNumbers&, const EpochNumbers&) = default;
};

// The highest numbers that index and chunk_storage have seen.
struct SeenNumbers {
  DatastoreRef datastore;
  uint64_t epoch = 0;
  uint64_t token = 0;
  uint64_t fence = 0;
};

// The numbers to go on with. Coordinates that were lost or restored (none
// known, another life of the datastore, or lower than what the others have
// seen) go on above everything seen: epoch and token are 1 + the highest, and
// every lease of an earlier epoch counts as expired, since nobody remembers it.
// FailedPrecondition: what was seen is so high that counting would wrap.
absl::StatusOr<EpochNumbers> AdoptNumbers(
    const std::optional<EpochNumbers>& known, const SeenNumbers& seen);

// Step 1 of a sweep: E := E+1, F := F+1 and the cut, which does not go back.
// `cut` is at most E+1.
EpochNumbers AdvanceNumbers(const EpochNumbers& numbers, uint64_t cut);

}  // namespace cairn::maintenance
