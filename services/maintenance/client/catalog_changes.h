#pragma once

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/model/call.h"
#include "common/model/catalog.h"
#include "common/model/datastore.h"
#include "common/model/uuid.h"
#include "common/time/clock.h"
#include "services/chunk_storage/client/chunk_client.h"
#include "services/index/client/catalog_client.h"

namespace cairn {

// Takes changes of the catalog through their three steps: index numbers
// them, chunk_storage keeps their event, index applies them. For whoever may
// ask for them: ingest for users, maintenance for its tasks. Sees to it that
// the first event of a datastore is its creation, so that its packs alone
// rebuild it. Thread-safe.
class CatalogChanges {
 public:
  // All outlive this.
  struct Dependencies {
    CatalogClient* catalog = nullptr;
    ChunkClient* chunks = nullptr;
    const Clock* clock = nullptr;
    absl::Duration peer_timeout;  // longest time of one question to either
  };
  explicit CatalogChanges(const Dependencies& dependencies)
      : dependencies_(dependencies) {}

  // The datastore, known to chunk_storage and with its creation in a pack.
  // NotFound: there is none of this name.
  absl::StatusOr<Datastore> Open(const Call& call, const std::string& name);

  // Applies a change of an existing datastore. Errors as
  // CatalogClient::PrepareChange; with Unavailable the outcome may be
  // unknown.
  absl::Status Apply(const Call& call, const std::string& datastore,
                     const CatalogChange& change);

  // Creates a datastore, or returns the one that has this UUID already.
  absl::StatusOr<Datastore> Create(const Call& call,
                                   const CreateDatastoreChange& change);

 private:
  absl::Status MakeKnown(const Call& call, const Datastore& datastore);
  absl::Status ApplySteps(const Call& call, const CatalogChange& change);
  bool IsKnown(const DatastoreRef& ref) const;
  Call Question(const Call& call) const;

  const Dependencies dependencies_;
  mutable absl::Mutex mutex_;
  // Generation by UUID; small: as many as there are datastores, and cleared
  // at a bound.
  absl::flat_hash_map<Uuid, uint64_t> known_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn
