#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "common/model/uuid.h"

namespace cairn {

// Which datastore, and which life of its index, an internal call is about.
// A service that knows the UUID under another generation refuses the call
// (FailedPrecondition, reason GENERATION_MISMATCH): the wrong index must
// never publish into, or delete from, a store.
struct DatastoreRef {
  Uuid uuid;
  uint64_t generation = 0;  // 1.. ; grows when an index is rebuilt
  friend bool operator==(const DatastoreRef&, const DatastoreRef&) = default;
};

// A session as internal calls name it. `epoch` is the datastore's epoch when
// the session was opened; it never changes for this session.
struct SessionRef {
  DatastoreRef datastore;
  Uuid session;
  uint64_t epoch = 0;  // 1..
  friend bool operator==(const SessionRef&, const SessionRef&) = default;
};

struct Datastore {
  std::string name;  // the {d} of "datastores/{d}"
  DatastoreRef ref;
  std::string comment;  // at most 1024 bytes
  absl::Time create_time;
};

}  // namespace cairn
